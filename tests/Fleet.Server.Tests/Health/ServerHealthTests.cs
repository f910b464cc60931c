using Fleet.Server.Health;

namespace Fleet.Server.Tests.Health;

public sealed class ServerHealthTests
{
    [Fact]
    public void Subject_is_either_in_trouble_or_warned_of()
    {
        var health = new ServerHealth();
        health.Warn("root", "It ends in a month.");
        health.Report("root", "It has ended.");
        Assert.Equal(["It has ended."], health.Problems);
        Assert.Empty(health.Warnings);
        health.Warn("root", "The next one ends in a month.");
        Assert.Empty(health.Problems);
        Assert.Equal("The next one ends in a month.", Assert.Single(health.Warnings).Text);
        health.Clear("root");
        Assert.Empty(health.Warnings);
    }
}
