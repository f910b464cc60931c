using System.ComponentModel;
using Fleet.Contracts;
using Fleet.Server.Settings;

namespace Fleet.Server.Messaging;

/// <summary>
/// How much one device may send, section <c>Fleet:Messaging</c>. The defaults are far above what an agent needs, also one that drains the
/// outbox of a week offline.
/// </summary>
internal sealed record MessagingOptions : IRoomSettings
{
    string IRoomSettings.Section => "Fleet:Messaging";

    [Description("MQTT packets a second that one device may send for long. A device above it is slowed: its acknowledgements wait.")]
    public int PacketsPerSecond { get; init; } = 20;

    [Description("Packets that one device may send at once before it is slowed. An agent that comes back from an outage needs hundreds.")]
    public int PacketBurst { get; init; } = 600;

    [Description("Bytes a second that one device may send for long.")]
    public int BytesPerSecond { get; init; } = 128 * 1024;

    [Description("Bytes that one device may send at once before it is slowed.")]
    public int ByteBurst { get; init; } = 8 * 1024 * 1024;

    [Description("How long a device may go on being slowed before it is cut: it is disconnected with the reason.")]
    public TimeSpan SlowedAtMost { get; init; } = TimeSpan.FromMinutes(30);

    [Description("How long a device that was cut is kept out.")]
    public TimeSpan CutFor { get; init; } = TimeSpan.FromMinutes(5);

    /// <inheritdoc/>
    public IRoomSettings WithWholePaths() => this;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var rules = new SettingsRules("Fleet:Messaging");
        rules.Within(nameof(PacketsPerSecond), PacketsPerSecond, 1, 100_000);
        rules.Within(nameof(PacketBurst), PacketBurst, 100, 1_000_000);
        rules.Within(nameof(BytesPerSecond), BytesPerSecond, 1024, 1 << 30);
        rules.Within(nameof(ByteBurst), ByteBurst, Limits.MqttPacketBytes, 1 << 30);
        rules.Within(nameof(SlowedAtMost), SlowedAtMost, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
        rules.Within(nameof(CutFor), CutFor, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
        return rules.Problems;
    }
}
