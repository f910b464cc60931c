using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>What is asked of telemetry.</summary>
internal sealed record TelemetryQuery
{
    /// <summary>One device; null for all.</summary>
    public DeviceId? Device { get; init; }

    /// <summary>The devices that whoever asks sees.</summary>
    public DeviceFilter Devices { get; init; } = DeviceFilter.All;

    /// <summary>One model; null for all.</summary>
    public string? Model { get; init; }

    /// <summary>Start of the time.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>End of the time.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>Only devices whose id sorts after this one; null for the first page.</summary>
    public string? After { get; init; }

    /// <summary>Most devices in the answer.</summary>
    public int Limit { get; init; } = TelemetryQueries.DefaultLimit;

    /// <summary>The rollups that answer it.</summary>
    public RollupQuery Rollups => new(TelemetryViews.PeriodFor(Since, Now), Since, Model);
}

/// <summary>Devices that served, and where the next page begins.</summary>
/// <param name="Views">One for each model and device, by device.</param>
/// <param name="Next">The last device of this page when there may be more; null at the end.</param>
internal sealed record TelemetryPageOf(IReadOnlyList<TelemetryView> Views, string? Next);

/// <summary>Reads of telemetry for people: rollups, never batches.</summary>
internal static class TelemetryQueries
{
    /// <summary>Devices in one answer unless asked otherwise.</summary>
    public const int DefaultLimit = 500;

    private const int DevicesPerRead = 200;

    /// <summary>All devices together that whoever asks sees, a view for each model.</summary>
    public static async Task<IReadOnlyList<TelemetryView>> FleetTelemetryAsync(
        this IFleetStore store, TelemetryQuery query, CancellationToken cancellationToken)
    {
        var rollups = query.Devices.Terms.Count == 0
            ? await store.FleetRollupsAsync(query.Rollups, cancellationToken)
            : await store.RollupsOfSomeAsync(query, cancellationToken);
        return [.. TelemetryViews.Of(null, rollups, query.Since, query.Now)];
    }

    /// <summary>A page of the devices that served what is asked for: a device that did not takes no place.</summary>
    public static async Task<TelemetryPageOf> TelemetryAsync(
        this IFleetStore store, TelemetryQuery query, CancellationToken cancellationToken)
    {
        var filter = query.Device is { } only ? new DeviceFilter { Terms = [new("id", only.Value)] }.And(query.Devices) : query.Devices;
        var views = new List<TelemetryView>();
        var served = 0;
        DeviceId? last = null;
        var selected = store.DevicesAsync(filter, query.After, cancellationToken).Select(stored => stored.Document.Id);
        await foreach (var part in selected.Chunk(DevicesPerRead).WithCancellation(cancellationToken))
        {
            var rollups = await store.RollupsAsync(part, query.Rollups, cancellationToken);
            foreach (var device in part)
            {
                var found = TelemetryViews.Of(device, rollups[device], query.Since, query.Now).ToList();
                if (found.Count == 0) continue;
                // One more than asked for is there: so there is a next page.
                if (served == query.Limit) return new TelemetryPageOf(views, last?.Value);
                views.AddRange(found);
                served++;
                last = device;
            }
        }
        return new TelemetryPageOf(views, null);
    }

    /// <summary>What the selected devices did together: the fleet's own rollups hold everybody's.</summary>
    private static async Task<IReadOnlyList<Rollup>> RollupsOfSomeAsync(
        this IFleetStore store, TelemetryQuery query, CancellationToken cancellationToken)
    {
        var all = new List<Rollup>();
        var selected = store.DevicesAsync(query.Devices, null, cancellationToken).Select(stored => stored.Document.Id);
        await foreach (var part in selected.Chunk(DevicesPerRead).WithCancellation(cancellationToken))
        {
            var rollups = (await store.RollupsAsync(part, query.Rollups, cancellationToken)).Values.SelectMany(each => each);
            // Merged after each read: a fleet of thousands is never in memory at once.
            all = [.. RollupSet.Merge(query.Rollups.Period, [.. all, .. rollups.Select(rollup => rollup with { Resources = null })])];
        }
        return all;
    }
}
