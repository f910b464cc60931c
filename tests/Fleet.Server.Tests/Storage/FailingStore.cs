using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

/// <summary>A real store in front of which calls fail as long as a test says so, or something comes in between.</summary>
internal sealed class FailingStore(IFleetStore store) : IFleetStore, IAsyncDisposable
{
    private static readonly StoreException Broken = new(StoreFailure.Unavailable, "The disk does not answer.");

    /// <summary>Reads fail.</summary>
    public bool FailsToRead { get; set; }

    /// <summary>Commits and everything else that writes fail.</summary>
    public bool FailsToWrite { get; set; }

    /// <summary>What somebody else does just before a commit with these changes.</summary>
    public Func<IReadOnlyList<StoreChange>, Task>? BeforeCommit { get; set; }

    /// <summary>Commits that failed.</summary>
    public int Refusals { get; private set; }

    public Task<Stored<T>?> FindAsync<T>(string id, CancellationToken cancellationToken) where T : class
        => FailsToRead ? throw Broken : store.FindAsync<T>(id, cancellationToken);

    public Task<IReadOnlyList<Stored<T>>> ListAsync<T>(string prefix, string? after, int limit, CancellationToken cancellationToken)
        where T : class
        => FailsToRead ? throw Broken : store.ListAsync<T>(prefix, after, limit, cancellationToken);

    public Task<IReadOnlyList<Stored<T>>> ListNewestAsync<T>(string prefix, string? before, int limit, CancellationToken cancellationToken)
        where T : class
        => FailsToRead ? throw Broken : store.ListNewestAsync<T>(prefix, before, limit, cancellationToken);

    public async Task CommitAsync(IReadOnlyList<StoreChange> changes, CancellationToken cancellationToken)
    {
        if (FailsToWrite)
        {
            Refusals++;
            throw Broken;
        }
        if (BeforeCommit is { } before) await before(changes);
        await store.CommitAsync(changes, cancellationToken);
    }

    public Task<int> AppendSamplesAsync(DeviceId device, TelemetryMessage message, CancellationToken cancellationToken)
        => FailsToWrite ? throw Broken : store.AppendSamplesAsync(device, message, cancellationToken);

    public Task<long> SampleBytesAsync(DeviceId device, string? identity, DateOnly day, CancellationToken cancellationToken)
        => FailsToRead ? throw Broken : store.SampleBytesAsync(device, identity, day, cancellationToken);

    public IAsyncEnumerable<Sample> SamplesAsync(DateTimeOffset since, CancellationToken cancellationToken)
        => FailsToRead ? throw Broken : store.SamplesAsync(since, cancellationToken);

    public Task<IReadOnlyDictionary<DeviceId, IReadOnlyList<Rollup>>> RollupsAsync(
        IReadOnlyCollection<DeviceId> devices, RollupQuery query, CancellationToken cancellationToken)
        => FailsToRead ? throw Broken : store.RollupsAsync(devices, query, cancellationToken);

    public Task<IReadOnlyList<Rollup>> FleetRollupsAsync(RollupQuery query, CancellationToken cancellationToken)
        => FailsToRead ? throw Broken : store.FleetRollupsAsync(query, cancellationToken);

    public Task<int> DropSamplesAsync(DateTimeOffset before, CancellationToken cancellationToken)
        => FailsToWrite ? throw Broken : store.DropSamplesAsync(before, cancellationToken);

    public Task<string?> ProblemAsync(CancellationToken cancellationToken) => store.ProblemAsync(cancellationToken);

    public ValueTask DisposeAsync() => ((IAsyncDisposable)store).DisposeAsync();
}
