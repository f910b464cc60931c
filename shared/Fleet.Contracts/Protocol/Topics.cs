using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Protocol;

/// <summary>Every MQTT topic, spelled once, and who may use it: <c>fleet/v1/{deviceId}/{channel}</c>.</summary>
public static class Topics
{
    /// <summary>What every topic starts with.</summary>
    public const string Root = "fleet/v1/";

    /// <summary>Server to device: the whole <see cref="State.DesiredState"/>.</summary>
    public const string Desired = "desired";

    /// <summary>Device to server: the whole <see cref="State.ReportedState"/>.</summary>
    public const string Reported = "reported";

    /// <summary>Device to server: one <see cref="Telemetry.TelemetryBatch"/>.</summary>
    public const string Telemetry = "telemetry";

    /// <summary>Device to server, and the will: a <see cref="State.Presence"/>.</summary>
    public const string Presence = "presence";

    /// <summary>The topic of one device's channel.</summary>
    public static string Of(DeviceId device, string channel) => $"{Root}{device}/{channel}";

    /// <summary>True when <paramref name="device"/> may publish to <paramref name="topic"/>.</summary>
    public static bool MayPublish(DeviceId device, ReadOnlySpan<char> topic)
        => ChannelOf(device, topic) is Reported or Telemetry or Presence;

    /// <summary>True when <paramref name="device"/> may subscribe to <paramref name="topic"/>: its own topics, without wildcards.</summary>
    public static bool MaySubscribe(DeviceId device, ReadOnlySpan<char> topic)
        => ChannelOf(device, topic) is Desired or Reported or Telemetry or Presence;

    /// <summary>The channel of <paramref name="topic"/> when it belongs to <paramref name="device"/>, else the empty string.</summary>
    /// <remarks>The device id must be followed by its own slash: <c>dev-1</c> does not own <c>dev-10/…</c>.</remarks>
    public static ReadOnlySpan<char> ChannelOf(DeviceId device, ReadOnlySpan<char> topic)
    {
        if (topic.Length > Limits.TopicLength || !topic.StartsWith(Root, StringComparison.Ordinal)) return default;
        var rest = topic[Root.Length..];
        var id = device.Value.AsSpan();
        if (rest.Length <= id.Length + 1 || !rest.StartsWith(id, StringComparison.Ordinal) || rest[id.Length] != '/') return default;
        var channel = rest[(id.Length + 1)..];
        return channel.IndexOfAny('/', '#', '+') < 0 ? channel : default;
    }
}
