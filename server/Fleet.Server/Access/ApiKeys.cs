using System.Collections.Concurrent;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Access;

/// <summary>Finds who a key belongs to, and remembers when it was used.</summary>
internal sealed class ApiKeys(IFleetStore store, TimeProvider time)
{
    /// <summary>How exact the time of the last use is: a key is not written anew for each request.</summary>
    private static readonly TimeSpan UsePrecision = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _used = new();

    /// <summary>Whose key a text is.</summary>
    /// <param name="text">What was sent.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The caller, or why it is refused. A key that is not right is told nothing of what is stored.</returns>
    public async Task<FoundKey> FindAsync(string? text, CancellationToken cancellationToken)
    {
        if (!ApiKey.TryParse(text, out var id, out var secret)
            || await store.FindAsync<ApiKey>(id, cancellationToken) is not { Document: var key }
            || !key.IsProvedBy(secret))
            return new FoundKey("", null, "The API key is not known.");
        if (key.WhyNot(time.GetUtcNow()) is { } reason) return new FoundKey(id, null, reason) { Who = key.Name };
        await NoteUseAsync(id, key, cancellationToken);
        return new FoundKey(id, key.ToCaller(), "");
    }

    private async Task NoteUseAsync(string id, ApiKey key, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (now - (key.LastUsedAt ?? DateTimeOffset.MinValue) < UsePrecision || now - _used.GetValueOrDefault(id) < UsePrecision) return;
        _used[id] = now;
        try
        {
            await store.UpdateAsync<ApiKey>(id, stored => stored with { LastUsedAt = now }, cancellationToken);
        }
        catch (StoreException)
        {
            // A full disk must not shut out who comes to make room; what is wrong with it is told where it is tried.
        }
    }
}

/// <summary>What is known of a key that was sent.</summary>
/// <param name="Id">Its id; empty when it is not known.</param>
/// <param name="Caller">Whose it is; null when it is refused.</param>
/// <param name="Problem">Why it is refused.</param>
internal sealed record FoundKey(string Id, Caller? Caller, string Problem)
{
    /// <summary>Whose it was: known of a key that is right and no longer accepted.</summary>
    public string? Who { get; init; }
}
