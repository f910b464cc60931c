using Fleet.Contracts.Releases;

namespace Fleet.Agent.Shelf;

/// <summary>How one attempt of a download ended without success.</summary>
internal enum AttemptEnd
{
    /// <summary>It broke off after bringing bytes that the next attempt need not fetch.</summary>
    Progressed,
    /// <summary>It brought nothing, or too little for the time it took.</summary>
    Fruitless,
    /// <summary>The file assembled over several attempts was not what was signed; it was removed.</summary>
    Mismatched,
}

/// <summary>How a download has gone so far, and whether it goes on. Pure.</summary>
/// <param name="Fruitless">Fruitless attempts in a row.</param>
/// <param name="Mismatches">Assembled files that were not what was signed.</param>
internal readonly record struct DownloadTally(int Fruitless, int Mismatches)
{
    /// <summary>What the wait before the next attempt grows with.</summary>
    public int Failures => Math.Max(1, Math.Max(Fruitless, Mismatches));

    /// <summary>What an attempt that broke off was worth.</summary>
    public static AttemptEnd EndOf(long bytes, TimeSpan took, ShelfOptions options)
        => bytes > 0 && bytes >= options.MinimumBytesPerSecond * took.TotalSeconds ? AttemptEnd.Progressed : AttemptEnd.Fruitless;

    /// <summary>The tally after one more attempt.</summary>
    public DownloadTally After(AttemptEnd end) => end switch
    {
        AttemptEnd.Progressed => this with { Fruitless = 0 },
        AttemptEnd.Fruitless => this with { Fruitless = Fruitless + 1 },
        _ => new DownloadTally(0, Mismatches + 1),
    };

    /// <summary>How long the whole download of an artifact may take: its size at the least rate, plus some patience.</summary>
    public static TimeSpan Deadline(ArtifactReference artifact, ShelfOptions options)
        => options.Patience + TimeSpan.FromSeconds((double)artifact.Bytes / options.MinimumBytesPerSecond);

    /// <summary>Why the download is given up, as the end of a sentence that starts with the artifact; null when it goes on.</summary>
    public string? GivesUp(ArtifactReference artifact, TimeSpan elapsed, ShelfOptions options)
    {
        if (Mismatches >= options.MaximumMismatches)
            return $"was assembled {Mismatches} times over several connections and never had the digest that was signed";
        var least = $"{options.MinimumBytesPerSecond:N0} bytes a second";
        if (Fruitless >= options.MaximumAttempts)
            return $"could not be fetched: {Fruitless} attempts in a row brought nothing, or less than {least}";
        if (elapsed <= Deadline(artifact, options)) return null;
        return $"could not be fetched within {TimeSpan.FromSeconds(Math.Round(elapsed.TotalSeconds))}: less than {least} on average";
    }
}
