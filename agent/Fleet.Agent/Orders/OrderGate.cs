using Fleet.Agent.Enrollment;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Orders;

/// <summary>
/// Lets through what this device is truly ordered to do. The certificate of a server only opens the conversation: what makes the device
/// change is signed by keys that its root names. What is refused is reported, and what serves goes on serving.
/// </summary>
internal sealed partial class OrderGate(
    DeviceCredentials credentials, DesiredFile accepted, DesiredSlot slot, OrderedTimings timings, TrustedTime trusted,
    ILogger<OrderGate> logger)
{
    private readonly Lock _lock = new();
    private volatile OrderVerdict? _refused;

    /// <summary>Something was refused: the server should hear of it.</summary>
    public event Action? Refused;

    /// <summary>Whom the device trusts, and what it refused last.</summary>
    public TrustReport Report() => new()
    {
        Root = credentials.Root?.Version ?? 0,
        Digest = credentials.RootDigest,
        Epoch = accepted.Place.Epoch,
        Fault = _refused?.Fault ?? OrderFault.None,
        Detail = _refused?.Reason ?? trusted.Doubt ?? "",
    };

    /// <summary>
    /// What was ordered could not be begun, for want of space on the disk as a rule; it is tried again. Told from memory.
    /// </summary>
    public void NotBegun(Exception trouble)
    {
        var reason = DiskSpace.Explain(trouble, "it is tried again by itself");
        lock (_lock) _refused = new OrderVerdict(null, OrderFault.NotStored, $"What was ordered could not be begun: {reason}");
        Refused?.Invoke();
    }

    /// <summary>What was ordered has begun after all.</summary>
    public void Begun()
    {
        lock (_lock)
            if (_refused?.Fault == OrderFault.NotStored) _refused = null;
    }

    /// <summary>Takes a desired state as it arrived.</summary>
    /// <returns>Why it is refused; null when it will be acted on.</returns>
    public OrderVerdict? Receive(DesiredState state)
    {
        OrderVerdict? refused;
        lock (_lock)
        {
            try
            {
                _refused = Judge(state);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                var reason = DiskSpace.Explain(e, "the order counts when it comes again");
                _refused = new OrderVerdict(null, OrderFault.NotStored, $"The order could not be stored: {reason}");
            }
            refused = _refused;
            if (refused is null) slot.Set(state);
            else LogRefused(state.Revision, refused.Fault, refused.Reason);
        }
        if (refused is not null) Refused?.Invoke();
        return refused;
    }

    /// <summary>Follows the roots and judges the order; null when the state may be acted on.</summary>
    private OrderVerdict? Judge(DesiredState state)
    {
        var root = credentials.Root?.Version ?? 0;
        var refused = credentials.Follow(state.Roots ?? []);
        if (credentials.Root is { } now && now.Version != root) LogFollowed(now.Version);
        // A server from before orders knows no roots; from the first root on, nothing counts without an order.
        if (credentials.Root is not { } trustedRoot)
            return refused is null ? null : new OrderVerdict(null, OrderFault.RootRefused, refused.Reason);
        var verdict = OrderVerifier.Verify(state.Order, state.Revision, state.Ordered(), GroundOf(trustedRoot));
        if (verdict.Order is not { } order)
            return refused is null ? verdict : new OrderVerdict(null, OrderFault.RootRefused, $"{refused.Reason} {verdict.Reason}");
        if (order.TimeAnchor > trusted.Anchor) trusted.MoveTo(order.IssuedAt, order.TimeAnchor);
        else trusted.Advance(order.IssuedAt);
        // Kept beside the address in use, which the server leaves when it is ready.
        if (credentials.Identity.Announced(order.Address).Next != credentials.Identity.Next)
            credentials.Change(identity => identity.Announced(order.Address));
        // Under a root that has expired nothing new is run, not even to time it.
        timings.Set(trustedRoot.ExpiresAt > trusted.Latest() ? order.Timings : null, order.IssuedAt);
        return null;
    }

    private OrderGround GroundOf(TrustRoot root) => new()
    {
        Root = root,
        Device = credentials.Identity.Device,
        Accepted = accepted.Place,
        Known = accepted.Accepted?.Ordered().Select(release => release.Sha256).ToHashSet() ?? [],
        Now = trusted.Latest(),
        TimeAnchor = trusted.Anchor,
    };

    [LoggerMessage(LogLevel.Warning, "Desired revision {Revision} is refused ({Fault}), and what serves goes on: {Reason}")]
    private partial void LogRefused(long revision, OrderFault fault, string reason);

    [LoggerMessage(LogLevel.Information, "This device has followed to root {Version}, which now says whose keys count.")]
    private partial void LogFollowed(int version);
}
