using System.Text;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using MQTTnet;

namespace Fleet.Server.Tests.Messaging;

/// <summary>
/// Topics, tried with the clients of another project. mosquitto_pub ends with 0 even when it is refused: what it says counts.
/// </summary>
public sealed class TopicAccessTests(RunningServer server) : IClassFixture<RunningServer>
{
    private const string Presence = """{"online":true}""";

    [Fact]
    public async Task Mosquitto_publishes_on_its_own_topic()
    {
        var device = await server.EnrollAsync("mosquitto-own");
        var result = await device.MosquittoAsync("mosquitto_pub", "-t", Topics.Of(device.Id, Topics.Presence), "-m", Presence);
        Assert.Equal(0, result.Code);
        Assert.DoesNotContain("Warning", result.Output, StringComparison.Ordinal);
        Assert.NotNull((await server.ViewAsync("mosquitto-own")).LastSeenAt);
    }

    [Theory]
    [InlineData("fleet/v1/dev-10/presence")]
    [InlineData("fleet/v1/dev-1/desired")]
    [InlineData("fleet/v1/dev-1/presence/more")]
    [InlineData("fleet/v1/dev-1")]
    [InlineData("presence")]
    public async Task Mosquitto_is_refused_on_any_other_topic(string topic)
    {
        var device = await OneAsync();
        var result = await device.MosquittoAsync("mosquitto_pub", "-t", topic, "-m", Presence);
        Assert.Contains("Not authorized", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fleet/v1/dev-10/desired")]
    [InlineData("#")]
    [InlineData("+/v1/dev-1/desired")]
    [InlineData("fleet/v1/+/desired")]
    [InlineData("fleet/v1/dev-1/#")]
    [InlineData("$share/group/fleet/v1/dev-1/desired")]
    [InlineData("$SYS/#")]
    public async Task Mosquitto_may_not_listen_to_others(string topic)
    {
        var device = await OneAsync();
        var result = await device.MosquittoAsync("mosquitto_sub", "-t", topic, "-W", "2");
        Assert.Matches("denied|Not authorized|not supported", result.Output);
    }

    [Fact]
    public async Task Mosquitto_gets_what_its_device_should_run()
    {
        var device = await server.EnrollAsync("mosquitto-sub");
        var result = await device.MosquittoAsync("mosquitto_sub", "-t", Topics.Of(device.Id, Topics.Desired), "-C", "1", "-W", "10");
        Assert.StartsWith("""{"revision":0,"assignments":[],"order":{""", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Message_of_one_device_reaches_no_other()
    {
        // Nobody can subscribe to another's topics; this shows that even the own channel is consumed by the server alone.
        var device = await server.EnrollAsync("echo");
        using var client = await device.ConnectAsync();
        var heard = 0;
        client.ApplicationMessageReceivedAsync += _ => Task.FromResult(Interlocked.Increment(ref heard));
        await client.SubscribeAsync(Topics.Of(device.Id, Topics.Presence));
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await device.PublishAsync(client, Topics.Presence, new Presence(true), FleetJson.Default.Presence));
        await client.PingAsync();
        Assert.Equal(0, heard);
    }

    [Fact]
    public async Task Retained_message_is_refused_and_the_connection_lives_on()
    {
        var device = await server.EnrollAsync("retainer");
        using var client = await device.ConnectAsync();
        var result = await TestDevice.PublishAsync(
            client, Topics.Of(device.Id, Topics.Presence), Encoding.UTF8.GetBytes(Presence), retain: true);
        Assert.Equal(MqttClientPublishReasonCode.ImplementationSpecificError, result.ReasonCode);
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await device.PublishAsync(client, Topics.Presence, new Presence(true), FleetJson.Default.Presence));
    }

    /// <summary>Device <c>dev-1</c>, enrolled once for all rows.</summary>
    private Task<TestDevice> OneAsync() => server.DeviceAsync("dev-1");
}
