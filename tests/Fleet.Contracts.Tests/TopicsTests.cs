using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;

namespace Fleet.Contracts.Tests;

public sealed class TopicsTests
{
    [Theory]
    [InlineData("fleet/v1/dev-1/telemetry", true)]
    [InlineData("fleet/v1/dev-1/reported", true)]
    [InlineData("fleet/v1/dev-10/telemetry", false)]
    [InlineData("fleet/v1/dev-1", false)]
    [InlineData("fleet/v1/dev-1/", false)]
    [InlineData("fleet/v1/dev-1/desired", false)]
    [InlineData("fleet/v1/dev-1/telemetry/more", false)]
    [InlineData("fleet/v1/dev-1/#", false)]
    [InlineData("#", false)]
    public void Device_publishes_on_its_own_channels_only(string topic, bool allowed)
        => Assert.Equal(allowed, Topics.MayPublish(DeviceId.Parse("dev-1"), topic));

    [Theory]
    [InlineData("fleet/v1/dev-1/desired", true)]
    [InlineData("fleet/v1/dev-10/desired", false)]
    [InlineData("fleet/v1/+/desired", false)]
    [InlineData("fleet/v1/dev-1/#", false)]
    [InlineData("fleet/v1/dev-1/+", false)]
    [InlineData("fleet/#", false)]
    [InlineData("$share/g/fleet/v1/dev-1/desired", false)]
    public void Device_subscribes_to_its_own_channels_only(string topic, bool allowed)
        => Assert.Equal(allowed, Topics.MaySubscribe(DeviceId.Parse("dev-1"), topic));
}
