namespace Fleet.Contracts.Protocol;

/// <summary>The number both sides exchange at every connect. It grows by one with each change of meaning on the wire.</summary>
/// <remarks>
/// History:
/// <list type="bullet">
/// <item>1 (2026-11-23): desired and reported state, signed release manifests, telemetry batches, enrollment.</item>
/// <item>2 (2026-11-27): a model has a task; scores and gates are lists of named metrics; telemetry travels in packs.</item>
/// <item>3 (2026-11-27): orders are signed, may hold releases together or until a window, and name what was withdrawn; keys change by
/// roots; what a device measured is signed; a report shows the order it answers.</item>
/// <item>4 (2026-11-29): a model may give a sample several labels, or a score of how unlike normal ones it is.</item>
/// </list>
/// A server serves agents of the three previous numbers; both sides ignore fields they do not know.
/// </remarks>
public static class ProtocolVersion
{
    /// <summary>What this build speaks.</summary>
    public const int Current = 4;

    /// <summary>The oldest number this build still serves.</summary>
    public const int Oldest = 1;

    /// <summary>
    /// Since which number agents act on signed orders alone, and on everything that came with them: receipts, windows, groups, withdrawals.
    /// </summary>
    public const int SignedOrders = 3;

    /// <summary>Since which number agents judge models that give a sample several labels.</summary>
    public const int SeveralLabels = 4;

    /// <summary>Since which number agents judge models that score how unlike normal samples one is.</summary>
    public const int Anomalies = 4;

    /// <summary>True when a peer that announces <paramref name="version"/> can be served.</summary>
    public static bool Serves(int version) => version is >= Oldest and <= Current;
}
