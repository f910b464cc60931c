using System.Text.Json;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Orders;

/// <summary>The real agent, its roots and its orders, over the real broker.</summary>
public sealed class OrderTests
{
    [Fact]
    public async Task Device_follows_new_keys_of_every_role_and_keeps_serving()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        server.Fleet.Rotate(orders: true);
        server.Fleet.Rotate(releases: true);
        server.Fleet.Rotate(root: [server.Fleet.NewKey(), server.Fleet.NewKey(), server.Fleet.NewKey()], threshold: 2);
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Equal(4, server.Reports.Last().Trust!.Root);

        // Every file is on disk: a power cut later the device is where it was.
        await agent.KillAsync();
        server.Fleet.Rotate(releases: true, orders: true, threshold: 2);
        await server.DesireAsync("dev-1", 3, TestRelease.Assign(server, 3));
        agent.Start();
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
    }

    [Fact]
    public async Task Order_that_a_stolen_key_signed_with_a_huge_revision_is_behind_after_the_epoch_was_raised()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", OrderVerifier.MaximumRevision, TestRelease.Assign(server, 1));
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 5, TestRelease.Assign(server, 2));
        await server.RefusedAsync(OrderFault.RevisionOutdated);
        server.Fleet.Rotate(orders: true, raiseEpoch: true);
        await server.DesireAsync("dev-1", 5, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Equal(5, server.Reports.Last().Revision);
    }

    /// <summary>What a restored server needs to go on above it, and what costs nothing while a connection stands.</summary>
    [Fact]
    public async Task Device_shows_the_order_that_it_accepted_once_in_each_connection_also_after_a_kill()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var told = server.Fleet.Desired("dev-1", 4, TestRelease.Assign(server, 1));
        await server.DesireAsync("dev-1", told);
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await agent.KillAsync();
        server.Reports.Clear();
        agent.Start();
        await Eventually.TrueAsync("it reports again", () => server.Reports.Any(report => report.Models.Count > 0));
        Assert.Equal(4, server.Reports.First().Revision);
        Assert.Equal(told.Order!.Payload, server.Reports.First().Order?.Payload);
        await server.DesireAsync("dev-1", 5, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Single(server.Reports, report => report.Order is not null);
    }

    /// <summary>A server that was lost without a backup is built anew, and its devices are enrolled there with what they have.</summary>
    [Fact]
    public async Task Device_of_another_fleet_takes_the_first_order_of_this_one()
    {
        using var folder = new TemporaryFolder();
        await using var lost = await TestServer.StartAsync();
        await using (var agent = new AgentProcess(lost, folder: folder.Path))
        {
            await agent.EnrollAsync();
            await lost.DesireAsync("dev-1", 57, TestRelease.Assign(lost, 1));
            agent.Start();
            await lost.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        }

        await using var built = await TestServer.StartAsync(new SignedFleet(name: new string('b', 32)));
        await using var again = new AgentProcess(built, folder: folder.Path);
        var enrolled = await again.RunAsync("enroll", "--server", built.Address.ToString(), "--token", built.Token.Reveal(),
            "--id", "dev-1", "--replace");
        Assert.True(enrolled.Code == 0, enrolled.Output);
        await built.DesireAsync("dev-1", 1, TestRelease.Assign(built, 2));
        again.Start();
        await built.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Null(built.Reports.First().Order);
    }

    /// <summary>R10: after the server's clock was 800 days ahead once, every later release was expired, for good.</summary>
    [Fact]
    public async Task Release_of_a_server_whose_clock_was_ahead_once_expires_no_later_one()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start();
        var ahead = DateTimeOffset.UtcNow.AddDays(800);
        var manifest = TestRelease.Manifest(server, 1, "vibration", TestRelease.Variant(server, TestRelease.Model(1)));
        var early = TestRelease.Assign(server, manifest with { CreatedAt = ahead, ExpiresAt = ahead.AddDays(30) });
        var order = server.Fleet.Order("dev-1", 1, early) with { IssuedAt = ahead, ExpiresAt = ahead.AddDays(90) };
        await server.DesireAsync(
            "dev-1", new DesiredState { Revision = 1, Assignments = [early], Order = server.Fleet.Sign(order) });
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        Assert.Contains(server.Reports, report => report.Trust!.Detail.Contains("fleet keys anchor-time", StringComparison.Ordinal));
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await Eventually.TrueAsync("the time is believed again", () => server.Reports.Last().Trust!.Detail.Length == 0);
    }

    /// <summary>R10, too late: the device was enrolled while the server's clock was ahead, or was poisoned by an earlier version.</summary>
    [Fact]
    public async Task Device_that_believes_a_time_far_ahead_is_brought_back_by_an_anchor()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        TrustedTime.Store(agent.Data, DateTimeOffset.UtcNow.AddDays(800));
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start();
        await server.RefusedAsync(OrderFault.Expired);
        var release = TestRelease.Assign(server, 1);
        var order = server.Fleet.Order("dev-1", 1, release) with { TimeAnchor = 1 };
        await server.DesireAsync("dev-1", new DesiredState { Revision = 1, Assignments = [release], Order = server.Fleet.Sign(order) });
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
    }

    /// <summary>R17: only editing identity.json by hand helped when the server's address changed.</summary>
    [Fact]
    public async Task Device_keeps_an_announced_address_and_goes_there_once_the_old_one_is_silent()
    {
        await using var server = await TestServer.StartAsync();
        await using var old = new TcpFaultProxy("127.0.0.1", server.MqttPort);
        await using var next = new TcpFaultProxy("127.0.0.1", server.MqttPort) { Refuses = true };
        server.Mqtt = $"localhost:{old.Port}";
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start();
        var order = server.Fleet.Order("dev-1", 1) with { Address = new ServerAddresses(server.Address, $"localhost:{next.Port}") };
        await server.DesireAsync("dev-1", new DesiredState { Revision = 1, Assignments = [], Order = server.Fleet.Sign(order) });
        await Eventually.TrueAsync("the address is kept beside the one in use",
            () => IdentityFile.Read(agent.Data)!.Next?.Mqtt == $"localhost:{next.Port}");
        Assert.Equal(server.Mqtt, IdentityFile.Read(agent.Data)!.Mqtt);

        old.Refuses = true;
        old.Cut();
        next.Refuses = false;
        await Eventually.TrueAsync("the device is at the new address", () => IdentityFile.Read(agent.Data) is { } now
            && now.Mqtt == $"localhost:{next.Port}" && now.Next is null);
    }

    /// <summary>Found in review: a move that was called off never left the device, which tried that address in every outage.</summary>
    [Fact]
    public async Task Device_forgets_an_announced_address_that_was_taken_back()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start();
        var order = server.Fleet.Order("dev-1", 1) with { Address = new ServerAddresses(server.Address, "localhost:1") };
        await server.DesireAsync("dev-1", new DesiredState { Revision = 1, Assignments = [], Order = server.Fleet.Sign(order) });
        await Eventually.TrueAsync("the address is kept", () => IdentityFile.Read(agent.Data)!.Next is not null);
        await server.DesireAsync(
            "dev-1", new DesiredState { Revision = 1, Assignments = [], Order = server.Fleet.Sign(order with { Address = null }) });
        await Eventually.TrueAsync("the address is forgotten", () => IdentityFile.Read(agent.Data)!.Next is null);
        Assert.Equal(server.Mqtt, IdentityFile.Read(agent.Data)!.Mqtt);
    }

    /// <summary>A device in the field: its agent is newer than what enrolled it, and its server is upgraded later.</summary>
    [Fact]
    public async Task Device_from_before_orders_adopts_the_root_that_its_release_key_signed_and_obeys_nothing_else_from_then_on()
    {
        await using var server = await TestServer.StartAsync();
        server.KnowsNoOrders = true;
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        Assert.Null(IdentityFile.Read(agent.Data)!.Root);
        await server.DesireAsync("dev-1", 9, TestRelease.Assign(server, 1));
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        Assert.Equal(0, server.Reports.Last().Trust!.Root);

        server.KnowsNoOrders = false;
        await server.DesireAsync("dev-1", 10, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Equal(1, server.Reports.Last().Trust!.Root);
        server.KnowsNoOrders = true;
        await server.DesireAsync("dev-1", 11);
        await server.RefusedAsync(OrderFault.Missing);
        await agent.ServesAsync(2);
    }

    [Fact]
    public async Task Device_joins_with_a_token_from_before_there_were_roots()
    {
        await using var server = await TestServer.StartAsync();
        server.Fleet.Rotate(orders: true);
        server.Token = server.Token with { Root = null };
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        Assert.Equal(server.Fleet.Roots[^1].Digest(), IdentityFile.Read(agent.Data)!.Root!.Digest());
    }

    [Fact]
    public async Task Order_that_was_accepted_outlives_its_own_expiry_and_a_kill()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var release = TestRelease.Assign(server, 1);
        var order = server.Fleet.Order("dev-1", 1, release) with { ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(30) };
        await server.DesireAsync("dev-1", new DesiredState { Revision = 1, Assignments = [release], Order = server.Fleet.Sign(order) });
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await agent.KillAsync();
        TrustedTime.Store(agent.Data, order.ExpiresAt.AddSeconds(1));
        agent.Start();
        await agent.ServesAsync(1);
        await server.RefusedAsync(OrderFault.Expired);
        Assert.Equal(1, JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(agent.Data.Desired), FleetJson.Default.DesiredState)!.Revision);
    }
}
