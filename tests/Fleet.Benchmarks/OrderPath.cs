using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Hosting;
using Fleet.Server.Keys;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;
using Fleet.Server.Tests;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// The whole way of an order: read from the store, signed, written, sent by the broker over TLS to devices in another process; and the same
/// way without the order. The server's processor time and the bytes of the sockets.
/// </summary>
internal sealed class OrderPath : IAsyncDisposable
{
    private const int Devices = 2000;
    private const int Rounds = 5;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    private readonly TestFleet _fleet;
    private readonly TemporaryFolder _folder = new();
    private readonly List<DeviceId> _devices = [.. Enumerable.Range(0, Devices).Select(i => DeviceId.Parse($"dev-{i:00000}"))];
    private ChildProcess? _swarm;
    private int _told = 1;
    private long _bytes;

    private OrderPath(TestFleet fleet) => _fleet = fleet;

    /// <summary>Measures both ways in turns, and makes the table.</summary>
    public static async Task<string> TableAsync(CancellationToken cancellationToken)
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var path = new OrderPath(fleet);
        await path.ConnectAsync();
        var (without, with) = (new List<(double Cpu, double Bytes)>(), new List<(double Cpu, double Bytes)>());
        // The first round is for the compiler.
        for (var round = 0; round <= Rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var unsigned = await path.MeasureAsync(path.TellUnsignedAsync);
            var signed = await path.MeasureAsync(path.TellAsync);
            if (round == 0) continue;
            without.Add(unsigned);
            with.Add(signed);
        }
        return $"""
            | {Devices:N0} devices connected, one model each | server's CPU a device | bytes a device |
            |---|--:|--:|
            | told without an order | {Row(without)} |
            | told with it | {Row(with)} |
            | with beside without, of the same round | {Ratio(without, with)} |
            """;
    }

    public async ValueTask DisposeAsync()
    {
        if (_swarm is not null) await _swarm.DisposeAsync();
        _folder.Dispose();
    }

    private static string Row(List<(double Cpu, double Bytes)> runs)
    {
        var cpu = runs.Select(run => run.Cpu).Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture,
            $"{cpu[Rounds / 2]:0} µs ({cpu[0]:0} to {cpu[^1]:0}) | {runs.Average(run => run.Bytes):N0}");
    }

    private static string Ratio(List<(double Cpu, double Bytes)> without, List<(double Cpu, double Bytes)> with)
    {
        var ratios = without.Zip(with, (one, other) => other.Cpu / one.Cpu).Order().ToArray();
        var bytes = with.Average(run => run.Bytes) / without.Average(run => run.Bytes);
        return string.Create(
            CultureInfo.InvariantCulture, $"{ratios[Rounds / 2]:0.0} ({ratios[0]:0.0} to {ratios[^1]:0.0}) | {bytes:0.00}");
    }

    private async Task ConnectAsync()
    {
        await _fleet.EnrollAsync(Devices);
        var release = await _fleet.ReleaseAsync();
        foreach (var part in _devices.Chunk(1000))
            await _fleet.Store.CommitAsync([.. part.Select(device => StoreChange.Create(
                device.Value, DeviceDesired.Nothing.With(new DesiredRelease(release.Model, release.Version))))], default);
        var authority = _fleet.Of<CertificateAuthority>();
        foreach (var device in _devices)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var issued = authority.IssueDevice(device, new PublicKey(key), TimeSpan.FromDays(1));
            await File.WriteAllTextAsync(_folder[device.Value + ".pem"], issued.Pem + "\n" + key.ExportPkcs8PrivateKeyPem());
        }
        await OrderSwarm.PrepareAsync(_folder.Path, _fleet.Of<FleetKeys>().Roots[^1].Payload);
        var mqtt = _fleet.Of<ListenAddresses>().Mqtt.Split(':');
        _swarm = ChildProcess.Start(Environment.ProcessPath!, [OrderSwarm.Command, _folder.Path, mqtt[0], mqtt[1]]);
        // Each connect is answered with the desired state.
        _bytes = await ToldAsync(_told);
    }

    private async Task<(double Cpu, double Bytes)> MeasureAsync(Func<Task> tell)
    {
        GC.Collect();
        var before = Environment.CpuUsage.TotalTime;
        await tell();
        var bytes = await ToldAsync(++_told);
        var cost = ((Environment.CpuUsage.TotalTime - before).TotalMicroseconds / Devices, (bytes - _bytes) / (double)Devices);
        _bytes = bytes;
        return cost;
    }

    /// <summary>Awaits that all were told so often.</summary>
    private async Task<long> ToldAsync(int times)
        => long.Parse((await _swarm!.WaitForLineAsync(OrderSwarm.Line(times), Deadline))[OrderSwarm.Line(times).Length..],
            CultureInfo.InvariantCulture);

    /// <summary>As the server does it.</summary>
    private Task TellAsync()
    {
        var notices = _fleet.Of<DesiredNotices>();
        foreach (var device in _devices) notices.Notify(device);
        return Task.CompletedTask;
    }

    /// <summary>The same, less the order: what is read for the message itself is read, and nothing is signed.</summary>
    private async Task TellUnsignedAsync()
    {
        var (releases, outbox) = (_fleet.Of<IReleaseEnvelopes>(), _fleet.Of<DeviceOutbox>());
        foreach (var device in _devices)
        {
            var (desired, _) = await _fleet.Store.DesiredAsync(device, default);
            var release = desired.Assignments.Single();
            var state = new DesiredState
            {
                Revision = desired.Revision,
                Assignments =
                [
                    new Assignment
                    {
                        Model = release.Model,
                        Version = release.Version,
                        Release = (await releases.FindAsync(release.Model, release.Version, default))!,
                    },
                ],
            };
            await outbox.SendAsync(device, Topics.Desired, JsonSerializer.SerializeToUtf8Bytes(state, FleetJson.Default.DesiredState));
        }
    }
}
