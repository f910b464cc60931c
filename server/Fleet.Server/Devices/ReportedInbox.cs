using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Takes what devices report. The report and everything that follows from it are one commit.</summary>
internal sealed class ReportedInbox(
    IFleetStore store, KnownProfiles profiles, DeviceKeys keys, ReportJudge judge, RestoredServer restored, DesiredNotices notices,
    IEnumerable<IReportedStateObserver> observers, TimeProvider time) : IDeviceMessageHandler
{
    private readonly IReportedStateObserver[] _observers = [.. observers];

    /// <inheritdoc/>
    public string Channel => Topics.Reported;

    /// <inheritdoc/>
    public int MaximumBytes => Limits.ReportedStateBytes;

    /// <inheritdoc/>
    public async Task<MessageRefusal?> HandleAsync(DeviceId device, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        ReportedState? reported;
        try
        {
            reported = JsonSerializer.Deserialize(payload.Span, FleetJson.Default.ReportedState);
        }
        catch (JsonException e)
        {
            return $"it is not a reported state: {e.Message}";
        }
        return reported is null ? "it is empty" : await TakeAsync(device, reported, keys.Of(device), carried: false, cancellationToken);
    }

    /// <summary>Takes a report, however it came.</summary>
    /// <param name="device">Who says it.</param>
    /// <param name="reported">What it says.</param>
    /// <param name="keys">The keys that its receipts may be signed with.</param>
    /// <param name="carried">True when it came in a file, and so counts only while its device has said nothing newer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null when it is on disk; else why it is refused.</returns>
    public async Task<MessageRefusal?> TakeAsync(
        DeviceId device, ReportedState reported, IReadOnlyList<ReleaseKey> keys, bool carried, CancellationToken cancellationToken)
    {
        if (DeviceRules.ProblemOf(reported) is { } problem) return problem;
        var judged = await judge.JudgeAsync(device, reported, keys, cancellationToken);
        if (await store.RetryAsync(_ => TryAsync(device, judged, carried, cancellationToken), cancellationToken) is { } refusal)
            return refusal;
        foreach (var observer in _observers) observer.Committed(device);
        return null;
    }

    private async Task<MessageRefusal?> TryAsync(
        DeviceId device, ReportedState reported, bool carried, CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(device, cancellationToken) is not { } stored) return "the device is not enrolled";
        var before = await store.FindAsync<DeviceReported>(device.Value, cancellationToken);
        // Here, where nothing comes between the look and the commit: over the network the device may be speaking at this moment.
        if (carried && before?.Document.State.ReportNumber is { } known && known >= reported.ReportNumber)
            return $"meanwhile the device has said what is newer over the network, which is as of report {known}";
        // The order it shows was this server's own; what follows from it is kept.
        var said = new DeviceReported(reported with { Order = null }, time.GetUtcNow());
        var changes = new List<StoreChange> { before?.Change(said) ?? StoreChange.Create(device.Value, said) };
        var described = stored.Document.With(reported.Facts, await profiles.AllAsync(cancellationToken));
        if (described.Profile != stored.Document.Profile || !Same(stored.Document.Facts, reported.Facts))
            changes.Add(stored.Change(described));
        var (desired, change) = await store.DesiredAsync(device, cancellationToken);
        var caught = await restored.CatchUpAsync(device, desired, reported, cancellationToken);
        if (!ReferenceEquals(caught, desired)) changes.Add(change(caught));
        foreach (var observer in _observers) changes.AddRange(await observer.ObserveAsync(device, reported, cancellationToken));
        await store.CommitAsync(changes, cancellationToken);
        if (caught.Revision != desired.Revision) notices.Notify(device);
        return null;
    }

    /// <summary>Records compare their lists by reference; what is stored is what counts.</summary>
    private static bool Same(DeviceFacts left, DeviceFacts right)
        => JsonSerializer.SerializeToUtf8Bytes(left, FleetJson.Default.DeviceFacts).AsSpan().SequenceEqual(
            JsonSerializer.SerializeToUtf8Bytes(right, FleetJson.Default.DeviceFacts));
}
