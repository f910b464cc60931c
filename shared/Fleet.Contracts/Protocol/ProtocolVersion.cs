namespace Fleet.Contracts.Protocol;

/// <summary>The number both sides exchange at every connect. It grows by one with each change of meaning on the wire.</summary>
/// <remarks>
/// History:
/// <list type="bullet">
/// <item>1 (2026-11-23): desired and reported state, signed release manifests, telemetry batches, enrollment.</item>
/// <item>2 (2026-11-27): a model has a task; scores and gates are lists of named metrics; telemetry travels in packs; orders are signed,
/// and keys change by roots; orders name what was withdrawn.</item>
/// </list>
/// A server serves agents of the two previous numbers; both sides ignore fields they do not know.
/// </remarks>
public static class ProtocolVersion
{
    /// <summary>What this build speaks.</summary>
    public const int Current = 2;

    /// <summary>The oldest number this build still serves.</summary>
    public const int Oldest = 1;

    /// <summary>
    /// Since which number agents act on signed orders alone, and on everything that came with them: receipts, windows, groups, withdrawals.
    /// </summary>
    public const int SignedOrders = 2;

    /// <summary>True when a peer that announces <paramref name="version"/> can be served.</summary>
    public static bool Serves(int version) => version is >= Oldest and <= Current;
}
