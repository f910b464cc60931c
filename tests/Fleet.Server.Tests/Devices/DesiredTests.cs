using System.Net;
using System.Security.Cryptography;
using System.Threading.Channels;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Devices;

public sealed class DesiredTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Device_is_told_while_it_is_connected()
    {
        var device = await server.EnrollAsync("awake");
        var (client, desired) = await device.ListenAsync();
        Assert.Equal(0, (await NextAsync(desired)).Revision);
        await AssignAsync(device.Id, "speech", 1);
        var told = await NextAsync(desired);
        Assert.Equal((1L, "speech", 1), (told.Revision, told.Assignments[0].Model, told.Assignments[0].Version));
        client.Dispose();
    }

    [Fact]
    public async Task Device_that_connects_after_the_change_is_told_the_newest()
    {
        var device = await server.EnrollAsync("asleep");
        await AssignAsync(device.Id, "speech", 1);
        await AssignAsync(device.Id, "speech", 2);
        var (client, desired) = await device.ListenAsync();
        var told = await NextAsync(desired);
        Assert.Equal((2L, 2), (told.Revision, told.Assignments.Single().Version));
        client.Dispose();

        await AssignAsync(device.Id, "vision", 1);
        (client, desired) = await device.ListenAsync();
        Assert.Equal(["speech", "vision"], (await NextAsync(desired)).Assignments.Select(assignment => assignment.Model));
        client.Dispose();
    }

    [Fact]
    public async Task Device_is_told_again_by_a_server_that_was_restarted()
    {
        await using var own = new RunningServer();
        await own.InitializeAsync();
        var device = await own.EnrollAsync("patient");
        await AssignAsync(own, device.Id, "speech", 1);
        await own.RestartAsync();
        var (client, desired) = await device.ListenAsync();
        Assert.Equal(1, (await NextAsync(desired)).Revision);
        client.Dispose();
    }

    [Fact]
    public async Task Device_is_told_with_an_order_that_it_accepts_and_the_roots_it_needs_for_that()
    {
        var device = await server.EnrollAsync("ordered");
        await AssignAsync(device.Id, "speech", 1);
        var (client, desired) = await device.ListenAsync();
        var told = await NextAsync(desired);
        Assert.Equal(device.Identity.Roots!.Select(root => root.Digest()), told.Roots!.Select(root => root.Digest()));
        var begun = RootChain.First(device.Identity.Roots![0], null);
        var verdict = OrderVerifier.Verify(told.Order, told.Revision, told.Ordered(), new OrderGround
        {
            Root = begun.Root!,
            Device = device.Id,
            Accepted = default,
            Known = new HashSet<string>(),
            Now = DateTimeOffset.UtcNow,
        });
        Assert.True(verdict.Accepted, verdict.Reason);

        // What it has it need not be sent again.
        await device.PublishAsync(
            client, Topics.Reported, TestDevice.Report(1) with { Trust = new TrustReport { Root = 1 } }, FleetJson.Default.ReportedState);
        await AssignAsync(device.Id, "speech", 2);
        Assert.Null((await NextAsync(desired)).Roots);
        client.Dispose();
    }

    [Fact]
    public async Task Device_that_is_revoked_is_thrown_out_and_stays_out()
    {
        var device = await server.EnrollAsync("stolen");
        var client = await device.ConnectAsync();
        var gone = new TaskCompletionSource();
        client.DisconnectedAsync += _ => Task.FromResult(gone.TrySetResult());
        using var http = server.DevicesAs(device.Certificate);
        var artifact = $"/artifacts/{new string('0', 64)}";
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(artifact)).StatusCode);

        Assert.Equal(HttpStatusCode.OK, (await RunningServer.PostAsync(server.Operator, "/api/v1/devices/stolen/revoke", "")).StatusCode);

        await gone.Task.WaitAsync(Eventually.DefaultDeadline);
        Assert.Contains("revoked", (await Assert.ThrowsAsync<RefusedException>(() => device.ConnectAsync())).Message,
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(artifact)).StatusCode);
        var view = await server.ViewAsync("stolen");
        Assert.Equal((true, false), (view.Revoked, view.Online));
        client.Dispose();
    }

    [Fact]
    public async Task What_a_device_reports_is_seen_by_operators()
    {
        var device = await server.EnrollAsync("talker");
        using var client = await device.ConnectAsync();
        var report = TestDevice.Report(7,
            new ReportedModel
            {
                Model = "speech",
                Version = 3,
                Phase = DeploymentPhase.Active,
                Since = DateTimeOffset.UtcNow,
                ActiveVersion = 3,
            }) with
        {
            Facts = RunningServer.Facts with { DeclaredProfile = "jetson" },
        };
        await device.PublishAsync(client, Topics.Reported, report, FleetJson.Default.ReportedState);
        var view = await server.ViewAsync("talker");
        Assert.Equal((7L, "jetson", true, true), (view.ReportedRevision, view.Profile, view.ProfileEmulated, view.Online));
        Assert.Equal(DeploymentPhase.Active, view.Models.Single().Phase);
    }

    private Task AssignAsync(DeviceId device, string model, int version) => AssignAsync(server, device, model, version);

    /// <summary>Does what a rollout does: desired state and release in one commit, then the nudge.</summary>
    private static async Task AssignAsync(RunningServer server, DeviceId device, string model, int version)
    {
        var (desired, change) = await server.Store.DesiredAsync(device, default);
        List<StoreChange> changes = [change(desired.With(new DesiredRelease(model, version)))];
        var id = Release.IdOf(model, version);
        if (await server.Store.FindAsync<Release>(id, default) is null)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var envelope = DsseEnvelope.Sign(DsseEnvelope.InToto, [1, 2, 3], key);
            changes.Add(StoreChange.Create(id, new Release
            {
                Model = model,
                Version = version,
                Build = "b",
                KeyId = envelope.Signatures[0].KeyId,
                CreatedAt = DateTimeOffset.UtcNow,
                ExpiresAt = DateTimeOffset.UtcNow.AddDays(1),
                Envelope = envelope,
            }));
        }
        await server.Store.CommitAsync(changes, default);
        server.Services.GetRequiredService<DesiredNotices>().Notify(device);
    }

    private static Task<DesiredState> NextAsync(ChannelReader<DesiredState> desired)
        => desired.ReadAsync().AsTask().WaitAsync(Eventually.DefaultDeadline);
}
