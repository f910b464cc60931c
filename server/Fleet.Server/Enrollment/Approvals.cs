using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>The queue of devices that wait for an operator's approval.</summary>
internal sealed partial class Approvals(
    IFleetStore store, Enroller enroller, Issuer issuer, DeviceChanges observers, TimeProvider time, ILogger<Approvals> logger)
{
    /// <summary>Those that wait and would be devices of <paramref name="seen"/>, in order of id.</summary>
    public async Task<IReadOnlyList<PendingDeviceView>> ListAsync(DeviceFilter seen, CancellationToken cancellationToken)
    {
        var views = new List<PendingDeviceView>();
        await foreach (var pending in store.AllAsync<PendingEnrollment>("", cancellationToken))
        {
            if (await WaitingAsync(seen, pending.Id, cancellationToken) is { } waiting)
                views.Add(waiting.Stored.Document.ToView(pending.Id));
        }
        return views;
    }

    /// <summary>Makes a device of one that waits. It fetches its certificate when it asks the next time.</summary>
    public Task<Answer<PendingDeviceView>> ApproveAsync(DeviceFilter seen, string id, CancellationToken cancellationToken)
        => store.RetryAsync<Answer<PendingDeviceView>>(async _ =>
        {
            if (await WaitingAsync(seen, id, cancellationToken) is not var (waiting, device)) return NobodyWaits(id);
            if (await store.DeviceAsync(device.Id, cancellationToken) is not null)
                return Refusal.Conflict($"Device id '{id}' was taken meanwhile. Reject this one: fleet devices reject {id}");
            if (issuer.Problem() is { } problem) return problem;
            var (changes, _) = await enroller.JoinAsync(device, waiting.Document.Key(), cancellationToken);
            await store.CommitAsync([.. changes, waiting.Removal()], cancellationToken);
            observers.Tell(device.Id);
            LogApproved(device.Id, waiting.Document.Token);
            return waiting.Document.ToView(id);
        }, cancellationToken);

    /// <summary>Turns one away that waits. It is told when it asks the next time.</summary>
    public Task<Answer<PendingDeviceView>> RejectAsync(DeviceFilter seen, string id, CancellationToken cancellationToken)
        => store.RetryAsync<Answer<PendingDeviceView>>(async _ =>
        {
            if (await WaitingAsync(seen, id, cancellationToken) is not var (waiting, _)) return NobodyWaits(id);
            await store.CommitAsync([waiting.Change(waiting.Document with { RejectedAt = time.GetUtcNow() })], cancellationToken);
            return waiting.Document.ToView(id);
        }, cancellationToken);

    /// <summary>One that waits, and the device it would be; null when there is none that the caller sees.</summary>
    private async Task<(Stored<PendingEnrollment> Stored, Device Device)?> WaitingAsync(
        DeviceFilter seen, string id, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<PendingEnrollment>(id, cancellationToken) is not { Document.RejectedAt: null } waiting) return null;
        var token = await store.FindAsync<StoredToken>(waiting.Document.Token, cancellationToken);
        var device = await enroller.DeviceOfAsync(
            waiting.Document, DeviceId.Parse(id), token?.Document.Labels ?? new Dictionary<string, string>(), cancellationToken);
        return device.IsSelectedBy(seen) ? (waiting, device) : null;
    }

    private static ApiProblem NobodyWaits(string id) => Refusal.Unknown($"No device waits for approval under the id '{id}'.");

    [LoggerMessage(LogLevel.Information, "Device {Device}, which came with token {Token}, was approved")]
    private partial void LogApproved(DeviceId device, string token);
}
