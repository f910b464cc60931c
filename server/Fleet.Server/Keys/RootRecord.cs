using Fleet.Contracts.Releases;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Keys;

/// <summary>Keeps the roots in the database as well, and gives them back when they were lost.</summary>
internal sealed class RootRecord(IFleetStore store, FleetKeys keys) : IRootObserver
{
    /// <summary>Writes lost roots again: an argument of the program, so that a loss is seen by a person first.</summary>
    public const string RestoreCommand = "restore-roots";

    /// <summary>Writes the roots of <c>keys/</c> again as the database knows them; what stands there now is kept beside them.</summary>
    /// <returns>The file.</returns>
    /// <exception cref="InvalidDataException">The database knows none, or nothing was lost.</exception>
    public static async Task<string> RestoreAsync(IFleetStore store, string dataFolder, CancellationToken cancellationToken)
    {
        var known = await ReadAsync(store, cancellationToken);
        var folder = KeyFolder.In(dataFolder);
        if (known.Count == 0) throw new InvalidDataException($"The database of {dataFolder} knows no roots: nothing was changed.");
        if (folder.ProblemOfRoots(known) is null)
            throw new InvalidDataException($"{folder.Roots} is no older than the database knows it: nothing was changed.");
        if (File.Exists(folder.Roots)) File.Copy(folder.Roots, folder.Roots + ".before", overwrite: true);
        Directory.CreateDirectory(folder.Path);
        folder.WriteRoots(known);
        return folder.Roots;
    }

    /// <inheritdoc/>
    public async Task RootCountsAsync(CancellationToken cancellationToken)
    {
        // Whoever applies a root has it noted; this is a copy.
        CommitWitness.LookAway();
        await store.RetryAsync(found => KeepAsync(found, keys.Roots, cancellationToken), cancellationToken);
    }

    private static async Task<bool> KeepAsync(IFleetStore found, IReadOnlyList<DsseEnvelope> roots, CancellationToken cancellationToken)
    {
        var stored = await found.FindAsync<KnownRoots>(KnownRoots.Id, cancellationToken);
        if (stored?.Document.Roots.Count == roots.Count) return false;
        var known = new KnownRoots(roots);
        await found.CommitAsync([stored?.Change(known) ?? StoreChange.Create(KnownRoots.Id, known)], cancellationToken);
        return true;
    }

    /// <summary>The roots that a database knows; none where it knows none.</summary>
    public static async Task<IReadOnlyList<DsseEnvelope>> ReadAsync(IFleetStore store, CancellationToken cancellationToken)
        => (await store.FindAsync<KnownRoots>(KnownRoots.Id, cancellationToken))?.Document.Roots ?? [];
}

/// <summary>
/// The roots that the database knew before the keys were opened. A first start has no database yet, and makes the keys first.
/// </summary>
internal sealed class RootsAtStart(FleetOptions options, IServiceProvider rooms)
{
    /// <summary>Null where there is no database.</summary>
    public IReadOnlyList<DsseEnvelope>? Known { get; private set; }

    /// <summary>Reads them, once, before anything asks for the keys.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        if (DataFolder.HasDatabase(options.DataFolder))
            Known = await RootRecord.ReadAsync(rooms.GetRequiredService<IFleetStore>(), cancellationToken);
    }
}
