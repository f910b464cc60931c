using System.Runtime.CompilerServices;
using Fleet.Server.Settings;

namespace Fleet.Server.Storage;

/// <summary>What every room does with a store.</summary>
internal static class StoreExtensions
{
    /// <summary>Rounds that meet the very same conflict, at the same versions, until it is given up: nobody is in between.</summary>
    private const int AlikeConflicts = 10;

    /// <summary>Opens the embedded store under the data folder and hands it to every room.</summary>
    public static IServiceCollection AddStorage(this IServiceCollection services) => services.AddSingleton(provider =>
    {
        var options = provider.GetRequiredService<FleetOptions>();
        return new FreeSpace(options.DataFolder, options.FreeSpaceReserve);
    }).AddSingleton<IFleetStore>(provider =>
    {
        var options = provider.GetRequiredService<FleetOptions>();
        var settings = new LiteStoreSettings
        {
            Path = Path.Combine(options.DataFolder, "fleet.db"),
            FreeSpaceReserve = options.FreeSpaceReserve,
        };
        return new LiteFleetStore(settings, provider.GetServices<DocumentType>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<LiteFleetStore>>(), provider.GetServices<ICommitObserver>());
    });

    /// <summary>Every document whose id starts with <paramref name="prefix"/>, page by page.</summary>
    public static IAsyncEnumerable<Stored<T>> AllAsync<T>(this IFleetStore store, string prefix, CancellationToken cancellationToken)
        where T : class
        => store.AllAsync<T>(prefix, null, cancellationToken);

    /// <summary>
    /// Every document whose id starts with <paramref name="prefix"/> and sorts after <paramref name="after"/>, page by page.
    /// </summary>
    public static async IAsyncEnumerable<Stored<T>> AllAsync<T>(
        this IFleetStore store, string prefix, string? after, [EnumeratorCancellation] CancellationToken cancellationToken) where T : class
    {
        while (true)
        {
            var page = await store.ListAsync<T>(prefix, after, IFleetStore.MaximumPage, cancellationToken);
            foreach (var document in page) yield return document;
            if (page.Count < IFleetStore.MaximumPage) yield break;
            after = page[^1].Id;
        }
    }

    /// <summary>Every document whose id starts with <paramref name="prefix"/>, the last id first, page by page.</summary>
    public static async IAsyncEnumerable<Stored<T>> NewestAsync<T>(
        this IFleetStore store, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken) where T : class
    {
        string? before = null;
        while (true)
        {
            var page = await store.ListNewestAsync<T>(prefix, before, IFleetStore.MaximumPage, cancellationToken);
            foreach (var document in page) yield return document;
            if (page.Count < IFleetStore.MaximumPage) yield break;
            before = page[^1].Id;
        }
    }

    /// <summary>
    /// Runs a read-decide-commit until no one came in between. <paramref name="attempt"/> must read again each time: it is a
    /// decision on what it finds, not on what it found.
    /// </summary>
    /// <exception cref="VersionConflictException">Round after round it wants what cannot be: it does not read what it changes.</exception>
    public static async Task<T> RetryAsync<T>(
        this IFleetStore store, Func<IFleetStore, Task<T>> attempt, CancellationToken cancellationToken)
    {
        var (alike, last) = (0, "");
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return await attempt(store);
            }
            catch (VersionConflictException e)
            {
                // Whoever came in between has committed: a round means progress for somebody, unless it meets what the last one met.
                alike = e.Message == last ? alike + 1 : 0;
                if (alike == AlikeConflicts) throw;
                last = e.Message;
                await Task.Yield();
            }
        }
    }

    /// <summary>Changes one document whatever others do meanwhile; <paramref name="change"/> may be called more than once.</summary>
    /// <returns>The document as it now is, or null when there is none of that id.</returns>
    public static Task<T?> UpdateAsync<T>(this IFleetStore store, string id, Func<T, T> change, CancellationToken cancellationToken)
        where T : class
        => store.RetryAsync(async found =>
        {
            if (await found.FindAsync<T>(id, cancellationToken) is not { } stored) return null;
            var changed = change(stored.Document);
            if (!changed.Equals(stored.Document)) await found.CommitAsync([stored.Change(changed)], cancellationToken);
            return changed;
        }, cancellationToken);
}
