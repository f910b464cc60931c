using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.State;

/// <summary>What one device has and does: always whole. Sent at every connect and after every phase.</summary>
public sealed record ReportedState
{
    /// <summary>Protocol the agent speaks.</summary>
    public int Protocol { get; set; } = ProtocolVersion.Current;

    /// <summary>The desired revision this answers; 0 before the first.</summary>
    public required long Revision { get; init; }

    /// <summary>What the device is.</summary>
    public required DeviceFacts Facts { get; init; }

    /// <summary>One for each model the device knows.</summary>
    public required IReadOnlyList<ReportedModel> Models { get; init; }

    /// <summary>Whom it trusts and what it refused; absent from a device of protocol 1 or 2.</summary>
    public TrustReport? Trust { get; init; }

    /// <summary>
    /// Number of the newest <see cref="CarriedReport"/> that the device had written when it said this; absent before the first. A carried
    /// report counts if its number is above the one that its server knows.
    /// </summary>
    public long? ReportNumber { get; init; }

    /// <summary>
    /// What came of <see cref="DeviceOrder.Timings"/>, at most <see cref="Limits.TimingsPerOrder"/>. Absent from agents that time nothing
    /// for builds. Not signed: only the choice of a student rests on it.
    /// </summary>
    public IReadOnlyList<ReportedTiming>? Timings { get; init; }

    /// <summary>
    /// The order that <see cref="Revision"/> answers, as the device accepted it. It proves to a server that was restored from an older
    /// backup what that one had ordered. In the first report of each connection and in one that is carried; absent from all others.
    /// </summary>
    public DsseEnvelope? Order { get; init; }
}

/// <summary>One model on one device.</summary>
public sealed record ReportedModel
{
    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>Release the last deployment was for.</summary>
    public required int Version { get; init; }

    /// <summary>Where that deployment stands.</summary>
    public required DeploymentPhase Phase { get; init; }

    /// <summary>When it entered that phase, by the device's clock.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Why it failed.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The failure in a sentence with its numbers.</summary>
    public string Detail { get; set; } = "";

    /// <summary>The variant chosen or being tried.</summary>
    public string? Variant { get; init; }

    /// <summary>What this device measured of it.</summary>
    public Scores? Measured { get; init; }

    /// <summary>
    /// The same, signed by the device as a <see cref="Receipt"/>; absent from a device of protocol 1 or 2. One that stands in what the
    /// server shows was checked.
    /// </summary>
    public DsseEnvelope? Receipt { get; init; }

    /// <summary>
    /// How fast each variant ran that was validated for that deployment, whether it was chosen or not: the same network in several forms
    /// on one device. Absent where nothing was validated, and from agents of before that was told. Not signed: only estimates of speed rest
    /// on it, and on many devices at once.
    /// </summary>
    public IReadOnlyList<VariantTime>? Times { get; init; }

    /// <summary>The release that serves now; null when none does.</summary>
    public int? ActiveVersion { get; init; }

    /// <summary>The variant that serves now.</summary>
    public string? ActiveVariant { get; init; }

    /// <summary>The release kept to fall back to.</summary>
    public int? PreviousVersion { get; init; }

    /// <summary>Bytes fetched so far while downloading.</summary>
    public long DownloadedBytes { get; init; }
}

/// <summary>How fast a variant ran while a device validated it.</summary>
/// <param name="Variant">Its id within the release.</param>
/// <param name="Median">Median time of one inference.</param>
public sealed record VariantTime(
    string Variant, [property: JsonPropertyName("p50Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan Median);

/// <summary>What a device says of a file that it was ordered to time for a build.</summary>
/// <param name="Build">The build.</param>
/// <param name="Sha256">The model file, by digest.</param>
/// <param name="Latency">Time of one inference; null where it was not timed.</param>
/// <param name="ProcessorTime">Processor time of one inference, all threads together; null where it was not timed.</param>
/// <param name="Problem">Why it was not timed, in a sentence; null where it was.</param>
public sealed record ReportedTiming(
    string Build, string Sha256, LatencySummary? Latency = null,
    [property: JsonPropertyName("processorMs"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan? ProcessorTime = null,
    string? Problem = null);

/// <summary>Whether a device is connected: published on connect, and by its will when the connection breaks.</summary>
public sealed record Presence(bool Online);
