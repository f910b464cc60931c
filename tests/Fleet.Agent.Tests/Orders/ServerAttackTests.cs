using System.Text.Json;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Orders;

/// <summary>
/// Somebody holds the CA of the fleet and so speaks to its devices as its server, over the real broker; the keys of releases, of orders
/// and of the root are not theirs. The real agent serves release 1 and must go on with it.
/// </summary>
public sealed class ServerAttackTests
{
    [Fact]
    public async Task Unsigned_rollback_to_an_expired_release_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        var manifest = TestRelease.Manifest(server, 1, "vibration", TestRelease.Variant(server, TestRelease.Model(7)));
        var expired = TestRelease.Assign(server, manifest with { ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) }, rollback: true);
        await server.DesireAsync("dev-1", new DesiredState { Revision = 3, Assignments = [expired] });
        await server.RefusedAsync(OrderFault.Missing);
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Unsigned_withdrawal_of_everything_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        await server.DesireAsync("dev-1", new DesiredState { Revision = 3, Assignments = [] });
        await server.RefusedAsync(OrderFault.Missing);
        await GoesOnAsync(server, agent);
    }

    /// <summary>What is withdrawn stands inside the order and nowhere else.</summary>
    [Fact]
    public async Task Withdrawal_of_a_release_without_the_key_of_orders_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        var serving = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(agent.Data.Desired), FleetJson.Default.DesiredState)!.Assignments[0];
        var fleet = server.Fleet;
        var order = fleet.Order("dev-1", 3, serving) with { Withdrawn = [new("vibration", 1, serving.Release.Digest())] };
        var state = new DesiredState { Revision = 3, Assignments = [serving] };
        await server.DesireAsync("dev-1", state with { Order = fleet.Sign(order, fleet.NewKey()) });
        await server.RefusedAsync(OrderFault.KeyNotTrusted);
        // The key of releases does not withdraw one either.
        await server.DesireAsync("dev-1", state with { Order = fleet.Sign(order, fleet.ReleaseKey) });
        await Eventually.TrueAsync(
            "the key of releases is refused", () => server.Reports.Count(report => report.Trust?.Fault == OrderFault.KeyNotTrusted) > 1);
        Assert.False(File.Exists(agent.Data.Withdrawn));
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Withdrawal_that_was_signed_for_another_device_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        var serving = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(agent.Data.Desired), FleetJson.Default.DesiredState)!.Assignments[0];
        await server.DesireAsync(
            "dev-1", server.Fleet.Withdrawing("dev-2", 3, [new("vibration", 1, serving.Release.Digest())], serving));
        await server.RefusedAsync(OrderFault.OtherDevice);
        Assert.False(File.Exists(agent.Data.Withdrawn));
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Largest_revision_without_an_order_does_not_lock_the_true_server_out()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        await server.DesireAsync("dev-1", new DesiredState { Revision = long.MaxValue, Assignments = [] });
        await server.RefusedAsync(OrderFault.Missing);
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Largest_revision_with_an_order_of_a_foreign_key_does_not_lock_the_true_server_out()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        var fleet = server.Fleet;
        var order = fleet.Sign(fleet.Order("dev-1", long.MaxValue), fleet.NewKey());
        await server.DesireAsync("dev-1", new DesiredState { Revision = long.MaxValue, Assignments = [], Order = order });
        await server.RefusedAsync(OrderFault.KeyNotTrusted);
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Order_to_another_device_is_refused_when_it_is_replayed()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        await server.DesireAsync("dev-1", server.Fleet.Desired("dev-2", 3));
        var refused = await server.RefusedAsync(OrderFault.OtherDevice);
        Assert.Equal("The order is to dev-2; this is dev-1.", refused.Detail);
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Older_order_of_the_true_server_is_refused_when_it_is_replayed()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        await server.DesireAsync("dev-1", server.Fleet.Desired("dev-1", 1));
        await server.RefusedAsync(OrderFault.RevisionOutdated);
        await GoesOnAsync(server, agent);
    }

    /// <summary>Freeze: it was judged by the time that it brings itself, and expired releases would count again.</summary>
    [Fact]
    public async Task Recorded_order_that_vouched_for_a_time_does_not_set_back_a_device_that_was_enrolled_since()
    {
        await using var server = await TestServer.StartAsync();
        server.TimeAnchor = 1;
        await using var agent = await ServingAsync(server);
        var longAgo = DateTimeOffset.UtcNow.AddDays(-365);
        var order = server.Fleet.Order("dev-1", 3) with { IssuedAt = longAgo, ExpiresAt = longAgo.AddDays(90), TimeAnchor = 1 };
        await server.DesireAsync("dev-1", new DesiredState { Revision = 3, Assignments = [], Order = server.Fleet.Sign(order) });
        await server.RefusedAsync(OrderFault.Expired);
        await GoesOnAsync(server, agent);
    }

    [Fact]
    public async Task Root_of_a_fleet_of_their_own_is_refused_with_everything_it_signs()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = await ServingAsync(server);
        using var theirs = new SignedFleet();
        theirs.Rotate();
        await server.DesireAsync("dev-1", theirs.Desired("dev-1", 3));
        await server.RefusedAsync(OrderFault.RootRefused);
        Assert.Equal(server.Fleet.Roots[^1].Digest(), IdentityFile.Read(agent.Data)!.Root!.Digest());
        await GoesOnAsync(server, agent);
    }

    /// <summary>T1: the answer to a renewal brought new release keys and another broker, unsigned.</summary>
    [Fact]
    public async Task Answer_to_a_renewal_changes_neither_keys_nor_addresses()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var before = IdentityFile.Read(agent.Data)!;
        server.Fleet.Rotate(releases: true);
        server.Mqtt = "evil.example:8883";
        var credentials = new DeviceCredentials(agent.Data, before, new TrustedTime(agent.Data, TimeProvider.System));
        using var renewal = new CertificateRenewal(
            agent.Data, credentials, new TrustedTime(agent.Data, TimeProvider.System), TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<CertificateRenewal>.Instance);
        await renewal.RenewAsync(CancellationToken.None);
        var after = IdentityFile.Read(agent.Data)!;
        Assert.NotEqual(before.Certificate, after.Certificate);
        Assert.Equal(JsonSerializer.Serialize(before with { Certificate = "", PrivateKey = "" }, IdentityJson.Default.Identity),
            JsonSerializer.Serialize(after with { Certificate = "", PrivateKey = "" }, IdentityJson.Default.Identity));
    }

    [Fact]
    public async Task Device_does_not_join_with_a_root_other_than_its_token_names()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        using var true_ = new SignedFleet();
        server.Token = server.Token with { Root = true_.Roots[0].Digest() };
        var refused = await agent.RunAsync(
            "enroll", "--server", server.Address.ToString(), "--token", server.Token.Reveal(), "--id", "dev-1");
        Assert.Contains("The root is not the one that was named.", refused.Output, StringComparison.Ordinal);
        Assert.Null(IdentityFile.Read(agent.Data));
    }

    /// <summary>An agent that serves release 1 at revision 2, over a root that the device trusts.</summary>
    private static async Task<AgentProcess> ServingAsync(TestServer server)
    {
        var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 1));
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        return agent;
    }

    /// <summary>What served serves on, and the true server's next order is acted on.</summary>
    private static async Task GoesOnAsync(TestServer server, AgentProcess agent)
    {
        await agent.ServesAsync(1);
        Assert.Equal(2, JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(agent.Data.Desired), FleetJson.Default.DesiredState)!.Revision);
        await server.DesireAsync("dev-1", 4, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await agent.ServesAsync(2);
        await Eventually.TrueAsync(
            "nothing is refused any more", () => server.Reports.Last().Trust is { Fault: OrderFault.None, Epoch: 1 });
    }
}
