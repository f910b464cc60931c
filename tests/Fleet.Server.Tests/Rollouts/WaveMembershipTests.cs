using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

public sealed class WaveMembershipTests
{
    [Theory]
    [InlineData("5% 25% 100%", 100, "5 25 100")]
    [InlineData("5% 25% 100%", 3, "1 2 3")] // each has at least one while any remain
    [InlineData("5% 25% 100%", 2, "1 2 2")] // the last is empty
    [InlineData("5% 25% 100%", 1, "1 1 1")]
    [InlineData("5% 25% 100%", 0, "0 0 0")]
    [InlineData("5% 25% 100%", 10_000, "500 2500 10000")]
    [InlineData("7% 100%", 100, "7 100")] // 7 % of 100 in doubles rounds up to 8
    [InlineData("0.1% 100%", 100, "1 100")]
    [InlineData("33.3% 66.6% 100%", 10, "4 7 10")] // rounds up
    [InlineData("5%", 100, "5")] // stops short of the rest on purpose
    [InlineData("5 10 20", 100, "5 10 20")]
    [InlineData("5 10 20", 7, "5 7 7")]
    [InlineData("1 50% 100%", 10, "1 5 10")]
    [InlineData("50% 3 100%", 10, "5 5 10")] // a count below what was told already leaves its wave empty
    public void Waves_are_cumulative_stretches_of_one_order(string waves, int devices, string ends)
        => Assert.Equal(ends, string.Join(' ', WaveMembership.Ends([.. waves.Split(' ').Select(Wave)], devices)));

    [Fact]
    public void Every_selection_and_wave_count_is_covered_once_and_in_order()
    {
        WavePlan[] waves = [.. new double[] { 1, 5, 10, 50, 100 }.Select(percent => new WavePlan { Percent = percent })];
        for (var devices = 0; devices <= 300; devices++)
        {
            var ends = WaveMembership.Ends(waves, devices);
            Assert.Equal(devices, ends[^1]);
            var start = 0;
            foreach (var end in ends)
            {
                Assert.True(end > start || start == devices, $"{devices} devices: a wave is empty while {devices - start} remain");
                start = end;
            }
        }
    }

    [Fact]
    public void Order_does_not_depend_on_the_order_devices_are_listed_in()
    {
        var devices = Devices(500);
        Assert.Equal(WaveMembership.Order("speech/7", devices), WaveMembership.Order("speech/7", devices.Reverse()));
    }

    [Fact]
    public void Order_holds_every_device_once()
        => Assert.Equal(500, WaveMembership.Order("speech/7", Devices(500)).Distinct().Count());

    [Fact]
    public void Waves_are_spread_over_sites()
    {
        // 10 sites of 100 devices: among the first 200 every site has its share, within what chance allows.
        var first = WaveMembership.Order("speech/7", Devices(1000)).Take(200).CountBy(device => device.Value[^1]);
        Assert.All(first, site => Assert.InRange(site.Value, 8, 35));
        Assert.Equal(10, first.Count());
    }

    [Fact]
    public void Another_release_meets_other_devices_first()
    {
        var devices = Devices(1000);
        var shared = WaveMembership.Order("speech/7", devices).Take(100)
            .Intersect(WaveMembership.Order("speech/8", devices).Take(100)).Count();
        Assert.InRange(shared, 0, 30);
    }

    private static DeviceId[] Devices(int count) => [.. Enumerable.Range(0, count).Select(i => DeviceId.Parse($"dev-{i:0000}"))];

    private static WavePlan Wave(string text) => text.EndsWith('%')
        ? new WavePlan { Percent = double.Parse(text[..^1], System.Globalization.CultureInfo.InvariantCulture) }
        : new WavePlan { Count = int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) };
}
