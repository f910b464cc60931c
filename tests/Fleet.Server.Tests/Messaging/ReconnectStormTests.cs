using Fleet.Server.Tests.Storm;

namespace Fleet.Server.Tests.Messaging;

/// <summary>
/// What happens when a server with its whole fleet connected dies and comes back; the benchmark <c>reconnect</c> does the same with
/// thousands.
/// </summary>
public sealed class ReconnectStormTests
{
    [Fact]
    public async Task Devices_that_all_reconnect_to_a_killed_server_at_once_get_their_newest_order_and_nobody_is_locked_out()
    {
        const int devices = 300;

        var storm = await ReconnectStorm.RunAsync(devices);

        Assert.Equal(devices, storm.Converged.Count);
        Assert.Empty(storm.Faults);
        Assert.Empty(storm.Warnings);
        Assert.Equal(devices, storm.Rollout.Waves[0].Running);
        // Told once, whoever told it: the first server, the second, or the first again after it had died.
        Assert.All(storm.Revisions, revision => Assert.Equal(1, revision));
    }
}
