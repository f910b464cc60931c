using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>What a device should run as it is told: whole, as the store has it at that moment, with an order to it alone.</summary>
internal sealed class OrderedStates(IFleetStore store, IReleaseEnvelopes releases, FleetKeys keys, SigningClock clock)
{
    /// <summary>
    /// How long a device may take an order. Longer than its trusted time can lie ahead by mistake; what holds orders back for months
    /// gains nothing with them.
    /// </summary>
    private static readonly TimeSpan OrderValidity = TimeSpan.FromDays(90);

    /// <summary>The state of a device; null, and why, when it cannot be signed.</summary>
    public async Task<(DesiredState? State, string Problem)> OfAsync(DeviceId device, CancellationToken cancellationToken)
    {
        var (desired, _) = await store.DesiredAsync(device, cancellationToken);
        var assignments = new List<Assignment>();
        foreach (var release in desired.Assignments)
        {
            if (await releases.FindAsync(release.Model, release.Version, cancellationToken) is not { } envelope)
                return (null, $"It should run release {release.Model} {release.Version}, which is not stored.");
            assignments.Add(
                new Assignment
                {
                    Model = release.Model,
                    Version = release.Version,
                    Release = envelope,
                    Rollback = release.Rollback,
                    Window = release.Window,
                    Group = release.Group,
                });
        }
        var move = await store.FindAsync<AnnouncedMove>(AnnouncedMove.Id, cancellationToken);
        var imported = await store.FindAsync<ImportedReport>(device.Value, cancellationToken);
        var unsigned = OrderOf(device, desired.Revision, assignments) with
        {
            Withdrawn = await WithdrawnAsync(desired, cancellationToken),
            Timings = await TimingsAsync(device, cancellationToken),
            Address = move?.Document.Address,
            ReportNumber = imported?.Document.Number,
        };
        if (keys.SignOrder(unsigned) is not { } order)
            return (null, string.Join(" ", keys.Problems()));
        var reported = await store.FindAsync<DeviceReported>(device.Value, cancellationToken);
        var roots = keys.RootsAfter(reported is null ? null : reported.Document.State.Trust?.Root ?? 0);
        return (new DesiredState
        {
            Revision = desired.Revision,
            Assignments = assignments,
            Order = order,
            Roots = roots.Count > 0 ? roots : null,
        }, "");
    }

    private async Task<IReadOnlyList<OrderedTiming>?> TimingsAsync(DeviceId device, CancellationToken cancellationToken)
        => await store.FindAsync<DeviceTiming>(device.Value, cancellationToken) is { Document: var asked }
            && asked.Open(clock.Now()).ToList() is { Count: > 0 } open ? open : null;

    /// <summary>
    /// What was withdrawn of the device's models: first what it has or had, which it was told of under a revision of its own, then what
    /// somebody might bring it in a file.
    /// </summary>
    private async Task<IReadOnlyList<WithdrawnRelease>?> WithdrawnAsync(DeviceDesired desired, CancellationToken cancellationToken)
    {
        var all = (desired.Withdrawn ?? []).Reverse().ToList();
        foreach (var release in desired.Assignments)
            all.AddRange(await releases.WithdrawnAsync(release.Model, cancellationToken));
        return all.Count == 0 ? null : [.. all.DistinctBy(release => release.Sha256).Take(Limits.WithdrawnPerOrder)];
    }

    private DeviceOrder OrderOf(DeviceId device, long revision, IReadOnlyList<Assignment> assignments) => new()
    {
        Fleet = keys.Root.Fleet,
        Device = device,
        Epoch = keys.Root.OrderEpoch,
        Revision = revision,
        IssuedAt = clock.Now(),
        ExpiresAt = clock.Now() + OrderValidity,
        Assignments = [.. assignments.Select(assignment => assignment.Ordered())],
        TimeAnchor = clock.Anchor,
    };
}
