using Fleet.Contracts.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Audit;

/// <summary>What is asked of the trail.</summary>
/// <param name="Since">Only what happened since; null for all.</param>
/// <param name="Who">Only what this person, program or device did; null for everybody.</param>
/// <param name="After">Only lines behind this number, the first of them; null for the newest ones.</param>
/// <param name="Limit">Most lines.</param>
internal sealed record AuditQuery(DateTimeOffset? Since, string? Who, long? After, int Limit)
{
    /// <summary>Only lines before this number, the newest of them; null for all.</summary>
    public long? Before { get; init; }
}

/// <summary>Reads the trail: the file that is written now, and those that were moved to another name beside it.</summary>
internal sealed class AuditReader(FleetOptions options, AuditTrail trail, IFleetStore store)
{
    /// <summary>
    /// The lines that are asked for, in order, and whether there are more: behind them where the query says where it begins, before them
    /// where it asks for the newest.
    /// </summary>
    public (IReadOnlyList<AuditView> Views, bool GoesOn) List(AuditQuery query, CancellationToken cancellationToken)
        => query.After is null ? Newest(query, cancellationToken) : Following(query, cancellationToken);

    /// <summary>
    /// From the end of the trail backwards, no further than the page needs; with <c>since</c> or <c>who</c> that may be all of it.
    /// </summary>
    private (IReadOnlyList<AuditView> Views, bool GoesOn) Newest(AuditQuery query, CancellationToken cancellationToken)
    {
        var page = new List<AuditView>();
        foreach (var bytes in Files().Reverse().SelectMany(AuditFile.LinesBackwardOf))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (AuditChain.Read(bytes.Span) is not { } entry) continue;
            // Lines of earlier programs are numbered by their place, which only a reader from the first on knows.
            if (entry.Number == 0) return Following(query, cancellationToken);
            if (!IsAskedFor(query, entry, entry.Number)) continue;
            if (page.Count == query.Limit)
            {
                page.Reverse();
                return (page, true);
            }
            page.Add(ViewOf(entry, entry.Number));
        }
        page.Reverse();
        return (page, false);
    }

    private (IReadOnlyList<AuditView> Views, bool GoesOn) Following(AuditQuery query, CancellationToken cancellationToken)
    {
        var isCut = false;
        var page = new Queue<AuditView>();
        long line = 0;
        foreach (var bytes in Files().SelectMany(AuditFile.LinesOf))
        {
            cancellationToken.ThrowIfCancellationRequested();
            line++;
            if (AuditChain.Read(bytes.Span) is not { } entry || !IsAskedFor(query, entry, NumberOf(entry, line))) continue;
            if (query.After is not null && page.Count == query.Limit) return ([.. page], true);
            page.Enqueue(ViewOf(entry, NumberOf(entry, line)));
            if (page.Count <= query.Limit) continue;
            page.Dequeue();
            isCut = true;
        }
        return ([.. page], isCut);
    }

    /// <summary>Checks every line, and the end against what the database knows and what whoever asks has noted.</summary>
    /// <param name="number">Number of a line that was noted elsewhere; null for none.</param>
    /// <param name="chain">Its hash.</param>
    /// <param name="cancellationToken">Ends the reading of the database.</param>
    public async Task<AuditVerification> VerifyAsync(long? number, string? chain, CancellationToken cancellationToken)
    {
        // Before the file: what is appended meanwhile is more than is known, not less.
        var known = trail.Head ?? await AuditKeeper.KnownAsync(store, cancellationToken);
        using var verifier = new AuditVerifier();
        var hashes = new Dictionary<long, string>();
        foreach (var line in AuditFile.LinesOf(AuditTrail.PathIn(options)))
        {
            verifier.Add(line.Span);
            if (verifier.Last is { Chain: { } last } entry && (entry.Number == number || entry.Number == known?.Number))
                hashes[entry.Number] = last;
        }
        if (known is not null && known.Number > (verifier.Last?.Number ?? 0) && verifier.Last is not null)
            verifier.Blame($"Lines {verifier.Last.Number + 1} to {known.Number} were cut off the end.");
        else if (known is not null && hashes.TryGetValue(known.Number, out var found) && found != known.Chain)
            verifier.Blame($"Line {known.Number} is not the one that was written: the trail was written anew.");
        if (number is { } noted && hashes.GetValueOrDefault(noted) != chain)
            verifier.Blame($"Line {noted} is not the one that was noted: it was changed, or is in a file that was moved.");
        return new AuditVerification(
            verifier.Lines, verifier.Problems, verifier.First?.Number, verifier.Last?.Number, verifier.Last?.Chain);
    }

    /// <summary>The files in the order of their lines. Packed ones are left to the tools that packed them.</summary>
    private IEnumerable<string> Files()
        => DataFolder.MovedTrails(options.DataFolder).Append(DataFolder.AuditFile)
            .Select(name => Path.Combine(options.DataFolder, name))
            .Select(path => (path, First: AuditFile.LinesOf(path).Select(line => AuditChain.Read(line.Span)).FirstOrDefault()))
            .Where(file => file.First is not null)
            .OrderBy(file => file.First!.At).Select(file => file.path);

    private static long NumberOf(AuditEntry entry, long line) => entry.Number > 0 ? entry.Number : line;

    private static bool IsAskedFor(AuditQuery query, AuditEntry entry, long number)
        => (query.Since is null || entry.At >= query.Since) && (query.Who is null || entry.Who == query.Who)
            && (query.After is null || number > query.After) && (query.Before is null || number < query.Before);

    private static AuditView ViewOf(AuditEntry entry, long number) => new(number, entry.At, entry.Who, entry.From, entry.What)
    {
        Status = entry.Status,
        Proof = entry.Proof,
        Why = entry.Why,
        Changes = [.. (entry.Changes ?? []).Select(change => new AuditChangeView(change.What, change.Before, change.After))],
        MoreChanges = entry.MoreChanges ?? 0,
        Chain = entry.Chain,
    };
}
