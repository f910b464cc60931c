namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/artifacts: a stored file, and who uses it.</summary>
/// <param name="Sha256">Its digest, by which it is downloaded.</param>
/// <param name="Bytes">Length.</param>
/// <param name="WrittenAt">When it was uploaded or made, or came again.</param>
/// <param name="Name">File name for people, where something names it.</param>
/// <param name="Uses">How many releases and builds use it.</param>
/// <param name="UnusedSince">Since when nothing uses or holds it; null while something does.</param>
/// <param name="GoesAt">When it is removed at the earliest; null while it is used or held.</param>
/// <param name="HeldBy">Why it is kept although nothing uses it; null where nothing keeps it.</param>
public sealed record ArtifactView(
    string Sha256, long Bytes, DateTimeOffset WrittenAt, string? Name = null, int Uses = 0, DateTimeOffset? UnusedSince = null,
    DateTimeOffset? GoesAt = null, string? HeldBy = null)
{
    /// <summary>The first releases and builds that use it.</summary>
    public IReadOnlyList<string> UsedBy { get; set; } = [];
}

/// <summary>POST /api/v1/artifacts/sweep: removes artifacts that nothing uses.</summary>
public sealed record SweepRequest
{
    /// <summary>How long an artifact must have been unused; null for what the server's setting says. An hour at least.</summary>
    public TimeSpan? UnusedFor { get; init; }

    /// <summary>Removes nothing, and tells what would be removed.</summary>
    public bool DryRun { get; init; }
}

/// <summary>What a sweep removed, or would remove.</summary>
/// <param name="Removed">Artifacts that were removed; those that would be, where nothing was.</param>
/// <param name="RemovedBytes">Their bytes.</param>
/// <param name="Kept">Artifacts that are kept.</param>
/// <param name="KeptBytes">Their bytes.</param>
/// <param name="Unused">Those of the kept that nothing uses: they are too young, or held.</param>
/// <param name="UnusedBytes">Their bytes.</param>
/// <param name="DryRun">True when nothing was removed.</param>
public sealed record SweepView(
    int Removed, long RemovedBytes, int Kept, long KeptBytes, int Unused, long UnusedBytes, bool DryRun = false)
{
    /// <summary>The first of the removed, in order of digest.</summary>
    public IReadOnlyList<ArtifactView> Artifacts { get; set; } = [];

    /// <summary>How many more there are.</summary>
    public int MoreArtifacts { get; set; }
}
