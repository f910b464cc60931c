using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// What signed orders cost beside the same desired states without: the server's CPU for a device, bytes on the wire, the agent's CPU to
/// read and judge one. All in turns, with what <c>openssl speed</c> does on the same machine.
/// </summary>
internal static partial class OrderBenchmark
{
    private const int Runs = 5;
    private const int Least = 1000;
    private const int ReleaseBytes = 8192;

    /// <summary>Runs it all and makes the tables.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var fleet = new SignedFleet();
        using var link = await Link.OpenAsync();
        var served = new StringBuilder();
        foreach (var devices in (int[])[1, 100, 10_000])
        {
            cancellationToken.ThrowIfCancellationRequested();
            served.AppendLine(ServerRow(fleet, link, devices));
        }
        var judged = new StringBuilder();
        foreach (var models in (int[])[0, 1, 4, Limits.ModelsPerDevice]) judged.AppendLine(AgentRow(fleet, models));
        return $"""
            Medians of {Runs} runs in turns, CPU time of the whole process, both ends of the connection included. A release has
            {ReleaseBytes / 1024} KiB. {await StoreAsync()}

            ## The server, a device with one model

            What is measured: the order is made and signed, the desired state is written as JSON and sent over TLS 1.3 to a reader in
            the same process. Without: the same less the order. {await OpenSslAsync(cancellationToken)}

            | Devices | CPU a device, without | with | ratio | of it the signature | bytes, without | with | CPU for all, with |
            |--:|--:|--:|--:|--:|--:|--:|--:|
            {served.ToString().TrimEnd()}

            ## Through the broker

            What is measured: the server reads what each device should run from its store, makes and signs the order, and sends it through
            its broker, over TLS 1.3 with certificates, to devices in another process. Without: the same less the order. Medians of turns,
            in brackets the smallest and the largest; bytes are those of the sockets, TLS and MQTT included.

            {await OrderPath.TableAsync(cancellationToken)}

            ## The agent

            What is measured: the message is read from JSON, and the order is judged (signature, device, epoch, revision, time, and each
            release by its digest, which is hashed anew). Once for each message; a device gets roots only until it has them.

            | Models | order on the wire | with the first root | CPU to read without | read and judge | of it judging |
            |--:|--:|--:|--:|--:|--:|
            {judged.ToString().TrimEnd()}
            """;
    }

    private static string ServerRow(SignedFleet fleet, Link link, int devices)
    {
        var assignments = Assignments(1);
        var names = Enumerable.Range(0, devices).Select(i => $"dev-{i:00000}").ToArray();
        var unsigned = new byte[1];
        var signed = new byte[1];
        var costs = CpuOf(devices,
            i => link.Send(unsigned = Bytes(new DesiredState { Revision = i + 7, Assignments = assignments })),
            i => link.Send(signed = Bytes(Ordered(fleet, names[i], i + 7, assignments))),
            i => fleet.Sign(fleet.Order(names[i], i + 7, assignments)));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {devices:N0} | {costs[0]:N0} µs | {costs[1]:N0} µs | {costs[1] / costs[0]:0.0} | {costs[2]:N0} µs | {unsigned.Length:N0} "
                + $"| {signed.Length:N0} | {costs[1] * devices / 1e6:0.000} s |");
    }

    private static string AgentRow(SignedFleet fleet, int models)
    {
        var assignments = Assignments(models);
        var plain = new DesiredState { Revision = 7, Assignments = assignments };
        var ordered = Ordered(fleet, "dev-1", 7, assignments);
        var (without, with) = (Bytes(plain), Bytes(ordered));
        var ground = new OrderGround
        {
            Root = fleet.Root,
            Device = DeviceId.Parse("dev-1"),
            Accepted = new OrderPlace(1, 6),
            Known = new HashSet<string>(),
            Now = DateTimeOffset.UtcNow,
        };
        var costs = CpuOf(1, _ => Read(without), _ => Judge(Read(with), ground), _ => Judge(ordered, ground));
        var rooted = Bytes(ordered with { Roots = fleet.Roots }).Length - without.Length;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {models} | {with.Length - without.Length:N0} B | {rooted:N0} B | {costs[0]:N0} µs | {costs[1]:N0} µs | {costs[2]:N0} µs |");
    }

    /// <summary>CPU of each way in µs a device, the median of runs in turns.</summary>
    private static double[] CpuOf(int devices, params Action<int>[] ways)
    {
        var rounds = Math.Max(1, Least / devices);
        var costs = ways.Select(_ => new List<double>()).ToArray();
        // The first turn is for the compiler.
        for (var run = 0; run <= Runs; run++)
        {
            for (var way = 0; way < ways.Length; way++)
            {
                var before = Environment.CpuUsage.TotalTime;
                for (var round = 0; round < rounds; round++)
                    for (var device = 0; device < devices; device++) ways[way](device);
                if (run > 0) costs[way].Add((Environment.CpuUsage.TotalTime - before).TotalMicroseconds / rounds / devices);
            }
        }
        return [.. costs.Select(runs => runs.Order().ElementAt(Runs / 2))];
    }

    private static Assignment[] Assignments(int models) =>
    [
        .. Enumerable.Range(0, models).Select(i => new Assignment
        {
            Model = $"model-{i}",
            Version = i + 1,
            Release = new DsseEnvelope { PayloadType = DsseEnvelope.InToto, Payload = new byte[ReleaseBytes], Signatures = [] },
        }),
    ];

    private static DesiredState Ordered(SignedFleet fleet, string device, long revision, Assignment[] assignments) => new()
    {
        Revision = revision,
        Assignments = assignments,
        Order = fleet.Sign(fleet.Order(device, revision, assignments)),
    };

    private static byte[] Bytes(DesiredState state) => JsonSerializer.SerializeToUtf8Bytes(state, FleetJson.Default.DesiredState);

    private static DesiredState Read(byte[] bytes) => JsonSerializer.Deserialize(bytes, FleetJson.Default.DesiredState)!;

    private static void Judge(DesiredState state, OrderGround ground)
    {
        if (!OrderVerifier.Verify(state.Order, state.Revision, state.Ordered(), ground).Accepted)
            throw new InvalidOperationException("The order was not accepted: this measures nothing.");
    }

    /// <summary>What the store takes for the document behind it, with or without an order: the order itself is not stored.</summary>
    private static async Task<string> StoreAsync()
    {
        using var folder = new TemporaryFolder();
        var program = Path.Combine(Repository.Root, ".artifacts", "bin", "Fleet.Server.CrashWriter", "release", "crash-writer");
        var result = await ChildProcess.RunAsync(
            program, ["lite", folder["fleet.db"], "0", "measure", "commits", "64", "4"], TimeSpan.FromMinutes(2));
        if (result.Code != 0) throw new InvalidOperationException(result.Output);
        // Its line is: lite commits, a second, CPU µs, bytes, syncs.
        var cpu = double.Parse(result.Output.Trim().Split(' ')[3], CultureInfo.InvariantCulture);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"What an order is made from is a document of the store, written with and without orders alike: a commit of one "
                + $"takes {cpu:N0} µs of CPU on the disk here, by 64 writers.");
    }

    private static async Task<string> OpenSslAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var result = await ChildProcess.RunAsync("openssl", ["speed", "-seconds", "2", "ecdsap256"], TimeSpan.FromMinutes(1));
        var rates = SpeedLine().Match(result.Output);
        if (!rates.Success) throw new InvalidOperationException(result.Output);
        double Microseconds(int group) => 1e6 / double.Parse(rates.Groups[group].Value, CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"`openssl speed ecdsap256` signs in {Microseconds(1):0} µs and verifies in "
            + $"{Microseconds(2):0} µs here, the hash left out.");
    }

    [GeneratedRegex(@"nistp256\)\s+\S+s\s+\S+s\s+(\S+)\s+(\S+)")]
    private static partial Regex SpeedLine();

    /// <summary>A connection of TLS 1.3 within this process.</summary>
    private sealed class Link(SslStream server, SslStream device) : IDisposable
    {
        private readonly byte[] _buffer = new byte[1 << 20];

        public static async Task<Link> OpenAsync()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
                .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var connecting = new TcpClient();
            await connecting.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
            var server = new SslStream((await listener.AcceptTcpClientAsync()).GetStream());
            var device = new SslStream(connecting.GetStream(), false, (_, shown, _, _) => shown?.Subject == "CN=localhost");
            await Task.WhenAll(server.AuthenticateAsServerAsync(certificate), device.AuthenticateAsClientAsync("localhost"));
            return new Link(server, device);
        }

        /// <summary>Sends a message and reads it.</summary>
        public void Send(byte[] message)
        {
            server.Write(message);
            device.ReadExactly(_buffer, 0, message.Length);
        }

        public void Dispose()
        {
            server.Dispose();
            device.Dispose();
        }
    }
}
