using System.Runtime.CompilerServices;
using Fleet.Contracts.Devices;
using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>Telemetry: what is read and dropped in many turns, so that devices which report are served in between.</summary>
internal sealed partial class LiteFleetStore
{
    private const int PacksPerTurn = 16;
    private const int SubjectsPerTurn = 100;

    /// <inheritdoc/>
    public Task<int> AppendSamplesAsync(DeviceId device, TelemetryMessage message, CancellationToken cancellationToken)
        => RunAsync(Writes.Masses, database => _telemetry.Append(database, device, message), cancellationToken);

    /// <inheritdoc/>
    public Task<long> SampleBytesAsync(DeviceId device, string? identity, DateOnly day, CancellationToken cancellationToken)
        => RunAsync(Writes.Nothing, _ => _telemetry.BytesOf(device, identity, day), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<Sample> SamplesAsync(DateTimeOffset since, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = await RunAsync(Writes.Nothing, _ => _telemetry.KeyOf(since), cancellationToken);
        while (true)
        {
            var packs = await RunAsync(
                Writes.Nothing, database => _telemetry.ReadArrivals(database, after, PacksPerTurn), cancellationToken);
            foreach (var (_, arrivedAt, pack) in packs)
            {
                foreach (var (device, message) in TelemetryBlock.Read(pack))
                {
                    foreach (var batch in TelemetryBlock.Decode(message))
                        yield return new Sample(DeviceId.Parse(device), arrivedAt, batch);
                }
            }
            if (packs.Count < PacksPerTurn) yield break;
            after = packs[^1].Key;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<DeviceId, IReadOnlyList<Rollup>>> RollupsAsync(
        IReadOnlyCollection<DeviceId> devices, RollupQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(devices.Count, IFleetStore.MaximumPage);
        var rollups = new Dictionary<DeviceId, IReadOnlyList<Rollup>>();
        foreach (var part in devices.Distinct().Chunk(SubjectsPerTurn))
        {
            var read = await RunAsync(Writes.Nothing,
                database => part.Select(device => _telemetry.ReadRollups(database, device, query)).ToList(), cancellationToken);
            foreach (var (device, found) in part.Zip(read)) rollups[device] = Merge(found, query);
        }
        return rollups;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Rollup>> FleetRollupsAsync(RollupQuery query, CancellationToken cancellationToken)
        => Merge(await RunAsync(Writes.Nothing, database => _telemetry.ReadRollups(database, null, query), cancellationToken), query);

    /// <inheritdoc/>
    public async Task<int> DropSamplesAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var dropped = 0;
        while (await RunAsync(Writes.Nothing, _telemetry.WriteSome, cancellationToken)) cancellationToken.ThrowIfCancellationRequested();
        while (await RunAsync(Writes.Nothing, database => _telemetry.DropArrivals(database, before), cancellationToken) is > 0 and var more)
            dropped += more;

        var minutes = _time.GetUtcNow() - IFleetStore.MinutesKept;
        foreach (var part in (await RunAsync(Writes.Nothing, _ => _telemetry.SubjectNames(), cancellationToken)).Chunk(SubjectsPerTurn))
        {
            await RunAsync(Writes.Nothing, database =>
            {
                LiteTelemetry.DropRollups(database, part, RollupPeriod.Minute, before > minutes ? before : minutes);
                LiteTelemetry.DropRollups(database, part, RollupPeriod.Hour, before);
                return true;
            }, cancellationToken);
        }
        return dropped;
    }

    private static List<Rollup> Merge((IReadOnlyList<byte[]> Written, IReadOnlyList<Rollup> Unwritten) found, RollupQuery query)
        => [.. RollupSet.Merge(query.Period, [.. found.Written.SelectMany(RollupSet.Read), .. found.Unwritten]).Where(query.Takes)];

    /// <summary>Writes what a start would otherwise have to make again.</summary>
    private async Task WriteTelemetryAsync()
    {
        try
        {
            while (await RunAsync(Writes.Nothing, _telemetry.WriteSome, CancellationToken.None)) await Task.Yield();
        }
        catch (StoreException)
        {
            // Nothing is lost: it is made again from the batches at the next start.
        }
    }

    private Task<T> RunAsync<T>(Writes writes, Func<LiteDatabase, T> action, CancellationToken cancellationToken)
        => _gate.RunAsync(new LiteWork<T>(writes, action, cancellationToken), cancellationToken);
}
