namespace Fleet.Server.Artifacts;

/// <summary>A room that names artifacts: builds and releases, which this one must not know. What none of them names is swept.</summary>
internal interface IArtifactNaming
{
    /// <summary>
    /// Tells what the room names, and what may be named soon. What is running is read first: whatever ends in between is then either
    /// running still or has named what it uses.
    /// </summary>
    Task TellAsync(ArtifactNames names, CancellationToken cancellationToken);
}

/// <summary>Who names which artifact, and what is kept although nobody names it yet.</summary>
internal sealed class ArtifactNames
{
    /// <summary>Of an artifact that many releases share, the first are said and the others counted.</summary>
    private const int Examples = 5;

    private readonly Dictionary<string, ArtifactUses> _uses = new(StringComparer.Ordinal);
    private readonly List<(DateTimeOffset From, DateTimeOffset? To, string Why)> _held = [];

    /// <summary>An artifact is used.</summary>
    /// <param name="sha256">Its digest.</param>
    /// <param name="by">By whom, for people.</param>
    /// <param name="name">What it is called there; null where it has no name.</param>
    public void Use(string sha256, string by, string? name = null)
    {
        if (!_uses.TryGetValue(sha256, out var known)) known = new ArtifactUses(name, [], 0);
        _uses[sha256] = known with
        {
            Name = known.Name ?? name,
            First = known.First.Count < Examples ? [.. known.First, by] : known.First,
            Count = known.Count + 1,
        };
    }

    /// <summary>What was written within a time is kept, whoever wrote it.</summary>
    /// <param name="from">Since when.</param>
    /// <param name="to">Until when; null where that goes on.</param>
    /// <param name="why">What may name it.</param>
    public void Hold(DateTimeOffset from, DateTimeOffset? to, string why) => _held.Add((from, to, why));

    /// <summary>Who names an artifact; null when nobody does.</summary>
    public ArtifactUses? UsesOf(string sha256) => _uses.GetValueOrDefault(sha256);

    /// <summary>Why a file is kept that nobody names; null when nothing holds it.</summary>
    public string? WhyHeld(DateTimeOffset writtenAt)
        => _held.FirstOrDefault(held => held.From <= writtenAt && (held.To is null || writtenAt <= held.To)).Why;
}

/// <summary>Who names an artifact.</summary>
/// <param name="Name">File name for people.</param>
/// <param name="First">The first who do.</param>
/// <param name="Count">How many do.</param>
internal sealed record ArtifactUses(string? Name, IReadOnlyList<string> First, int Count);
