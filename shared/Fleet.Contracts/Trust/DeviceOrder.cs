using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Trust;

/// <summary>
/// What one device is told to do, signed: it travels beside the desired state, which carries the releases it names. Absence is part of
/// it: a model that it does not name is withdrawn.
/// </summary>
public sealed record DeviceOrder
{
    /// <summary>Payload type of an order.</summary>
    public const string PayloadType = "application/vnd.fleet.order+json";

    /// <summary>The fleet.</summary>
    public required string Fleet { get; init; }

    /// <summary>The one device that may act on it.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>The root's epoch of orders when it was signed.</summary>
    public required long Epoch { get; init; }

    /// <summary>The revision of the desired state.</summary>
    public required long Revision { get; init; }

    /// <summary>When it was signed, by the server's clock: a signed time.</summary>
    public required DateTimeOffset IssuedAt { get; init; }

    /// <summary>After this moment no device accepts it. What was accepted before stays.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Everything the device should run.</summary>
    public required IReadOnlyList<OrderedRelease> Assignments { get; init; }

    /// <summary>
    /// Releases that operators withdrew and that bear on this device, at most <see cref="Limits.WithdrawnPerOrder"/>: it remembers them for
    /// good, and neither installs one nor returns to it, whoever asks. Absent where there is none.
    /// </summary>
    public IReadOnlyList<WithdrawnRelease>? Withdrawn { get; init; }

    /// <summary>
    /// Files that the device times for builds, at most <see cref="Limits.TimingsPerOrder"/>; absent where nobody waits for any.
    /// </summary>
    public IReadOnlyList<OrderedTiming>? Timings { get; init; }

    /// <summary>Where the server will be: kept beside the address in use, for when that one is silent. Absent where it stays.</summary>
    public ServerAddresses? Address { get; init; }

    /// <summary>
    /// Which anchor of time this is, counted by the server; 0 for none. A device that has not seen it takes <see cref="IssuedAt"/> for
    /// its time, however far that lies ahead of what it believes or behind.
    /// </summary>
    public long TimeAnchor { get; init; }

    /// <summary>
    /// Number of the last carried report that the server has taken: the device need not keep what was in it. Absent where none came.
    /// </summary>
    public long? ReportNumber { get; init; }

    /// <summary>Where it stands among the orders of the device.</summary>
    public OrderPlace Place() => new(Epoch, Revision);
}

/// <summary>One model of an order.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release number.</param>
/// <param name="Sha256">The release, by <see cref="DsseEnvelope.Digest"/>.</param>
/// <param name="Rollback">The operator goes back on purpose.</param>
/// <param name="Window">When the device may switch; null for at once.</param>
/// <param name="Group">Releases of one group are switched to together, or none of them is; null for one that stands alone.</param>
public sealed record OrderedRelease(
    string Model, int Version, string Sha256, bool Rollback = false, ActivationWindow? Window = null, string? Group = null);

/// <summary>A release that an operator withdrew.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release number.</param>
/// <param name="Sha256">The release, by <see cref="DsseEnvelope.Digest"/>: what counts.</param>
/// <param name="KeepServing">A device that serves it goes on until another release takes its place.</param>
public sealed record WithdrawnRelease(string Model, int Version, string Sha256, bool KeepServing = false)
{
    /// <summary>Why a device does not take it, in a sentence.</summary>
    public string Sentence() => $"Release {Version} of {Model} was withdrawn by an operator.";
}

/// <summary>The two addresses of a server.</summary>
/// <param name="Server">The port for devices, such as <c>https://fleet.example.com:8443</c>.</param>
/// <param name="Mqtt">Host and port of the broker.</param>
public sealed record ServerAddresses(Uri Server, string Mqtt);

/// <summary>Where an order stands: the epoch first, then the revision. Before any order it is (0, 0).</summary>
public readonly record struct OrderPlace(long Epoch, long Revision) : IComparable<OrderPlace>
{
    /// <inheritdoc/>
    public int CompareTo(OrderPlace other) => Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Revision.CompareTo(other.Revision);

    /// <summary>True when <paramref name="left"/> comes before <paramref name="right"/>.</summary>
    public static bool operator <(OrderPlace left, OrderPlace right) => left.CompareTo(right) < 0;

    /// <summary>True when <paramref name="left"/> comes after <paramref name="right"/>.</summary>
    public static bool operator >(OrderPlace left, OrderPlace right) => left.CompareTo(right) > 0;

    /// <summary>True when <paramref name="left"/> does not come after <paramref name="right"/>.</summary>
    public static bool operator <=(OrderPlace left, OrderPlace right) => left.CompareTo(right) <= 0;

    /// <summary>True when <paramref name="left"/> does not come before <paramref name="right"/>.</summary>
    public static bool operator >=(OrderPlace left, OrderPlace right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => $"revision {Revision} of epoch {Epoch}";
}
