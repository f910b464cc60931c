namespace Fleet.Server.Artifacts;

/// <summary>An artifact on disk.</summary>
/// <param name="Sha256">Its digest, and its name.</param>
/// <param name="Bytes">Length.</param>
/// <param name="WrittenAt">When it was written, claimed, or taken as being there already.</param>
internal sealed record ArtifactFile(string Sha256, long Bytes, DateTimeOffset WrittenAt);

/// <summary>
/// Says that artifacts which nobody names yet are kept, because something that began earlier may name them when it ends. It ends with
/// <see cref="Dispose"/>.
/// </summary>
internal sealed class ArtifactHold(DateTimeOffset since, string why, Action<ArtifactHold> ended) : IDisposable
{
    /// <summary>What is written from then on is kept.</summary>
    public DateTimeOffset Since => since;

    /// <summary>What is running, for people.</summary>
    public string Why => why;

    /// <inheritdoc/>
    public void Dispose() => ended(this);
}
