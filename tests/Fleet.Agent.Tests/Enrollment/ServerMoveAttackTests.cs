using Fleet.Agent.Enrollment;
using Fleet.Agent.Tests.Fixtures;

namespace Fleet.Agent.Tests.Enrollment;

/// <summary>R17: only editing identity.json by hand helped a device whose server had moved. Whom it follows, and whom not.</summary>
public sealed class ServerMoveAttackTests
{
    [Fact]
    public async Task Device_follows_its_server_to_another_address()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        IdentityFile.Write(agent.Data,
            IdentityFile.Read(agent.Data)! with { Server = new Uri("https://localhost:1"), Mqtt = "localhost:1" });

        var moved = await agent.RunAsync("move", "--server", server.Address.ToString());
        Assert.True(moved.Code == 0, moved.Output);
        Assert.Contains($"dev-1 is now a device of {server.Address}, broker {server.Mqtt}.", moved.Output, StringComparison.Ordinal);
        Assert.Equal((server.Address, server.Mqtt), (IdentityFile.Read(agent.Data)!.Server, IdentityFile.Read(agent.Data)!.Mqtt));
    }

    [Fact]
    public async Task Server_of_another_authority_is_not_followed()
    {
        await using var server = await TestServer.StartAsync();
        await using var other = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var before = await File.ReadAllBytesAsync(agent.Data.Identity);

        var refused = await agent.RunAsync("move", "--server", other.Address.ToString());
        Assert.Equal(5, refused.Code);
        Assert.Contains("is not the server of this device", refused.Output, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(agent.Data.Identity));
        Assert.Empty(other.Shown);
    }

    [Theory]
    [InlineData("http://localhost:8443", 2, "must start with https://")]
    [InlineData("press", 2, "must look like https://host:port")]
    [InlineData("https://localhost:1", 4, "did not answer")]
    public async Task Address_where_no_server_is_changes_nothing(string address, int code, string says)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var refused = await agent.RunAsync("move", "--server", address);
        Assert.Equal(code, refused.Code);
        Assert.Contains(says, refused.Output, StringComparison.Ordinal);
        Assert.Equal(server.Address, IdentityFile.Read(agent.Data)!.Server);
    }

    [Theory]
    [InlineData("Link:Server=https://elsewhere:8443", "Link:Server is not a setting of this agent")]
    [InlineData("Lnik:KeepAlive=00:00:10", "Lnik is not a setting of this agent")]
    [InlineData("Inference:Prot=1", "Inference:Prot is not a setting of this agent")]
    public async Task Setting_that_nobody_reads_is_refused_by_name(string setting, string says)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var refused = await agent.RunAsync("run", "--set", setting);
        Assert.Equal(2, refused.Code);
        Assert.Contains(says, refused.Output, StringComparison.Ordinal);
    }
}
