using System.Security.Cryptography;

namespace Fleet.Server.Audit;

/// <summary>
/// Reads the lines of one file, one after the other, and says what does not hold together. Lines that an earlier program wrote carry no
/// hash: the first line that has one seals them all.
/// </summary>
internal sealed class AuditVerifier : IDisposable
{
    private const int MostProblems = 20;

    private readonly IncrementalHash _sealed = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> _problems = [];

    /// <summary>Lines read.</summary>
    public long Lines { get; private set; }

    /// <summary>The first line that has a number; null when none has.</summary>
    public AuditEntry? First { get; private set; }

    /// <summary>The last line that has a number; null when none has.</summary>
    public AuditEntry? Last { get; private set; }

    /// <summary>What does not hold together, a sentence for each; the first of them.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Hash of the lines so far that carry none: what the first that does is held to.</summary>
    public string Seal => Lines == 0 ? "" : Convert.ToHexStringLower(_sealed.GetCurrentHash());

    /// <summary>Reads the next line, without its line break.</summary>
    public void Add(ReadOnlySpan<byte> line)
    {
        var entry = AuditChain.Read(line);
        if (entry?.Chain is null) AddUnsealed(line, entry);
        else if (Last is null) AddFirst(line, entry);
        else AddNext(line, entry, Last);
        Lines++;
    }

    /// <summary>Says what is wrong with the whole.</summary>
    public void Blame(string problem)
    {
        if (_problems.Count < MostProblems) _problems.Add(problem);
    }

    /// <inheritdoc/>
    public void Dispose() => _sealed.Dispose();

    private void AddUnsealed(ReadOnlySpan<byte> line, AuditEntry? entry)
    {
        if (Last is not null) Blame($"Line {Lines + 1} of the file {(entry is null ? "cannot be read" : "carries no hash")}.");
        _sealed.AppendData(line);
        _sealed.AppendData("\n"u8);
    }

    private void AddFirst(ReadOnlySpan<byte> line, AuditEntry entry)
    {
        var previous = Lines > 0 ? Seal : entry.Previous ?? "";
        if (Lines > 0 && entry.Number != Lines + 1)
            Blame($"Lines before line {entry.Number} are missing or were put in: {Lines} are there.");
        Judge(line, entry, previous, "it, or a line before it, was changed");
        (First, Last) = (entry, entry);
    }

    private void AddNext(ReadOnlySpan<byte> line, AuditEntry entry, AuditEntry before)
    {
        if (entry.Number > before.Number + 1) Blame($"Lines {before.Number + 1} to {entry.Number - 1} are missing.");
        else if (entry.Number <= before.Number) Blame($"Line {entry.Number} stands behind line {before.Number}.");
        else Judge(line, entry, before.Chain!, "it was changed, or put in");
        Last = entry;
    }

    private void Judge(ReadOnlySpan<byte> line, AuditEntry entry, string previous, string reason)
    {
        if (AuditChain.Expected(line, previous) != entry.Chain)
            Blame($"Line {entry.Number} does not follow from the one before: {reason}.");
    }
}
