using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Trust;

/// <summary>What a device knows when it judges an order.</summary>
public sealed record OrderGround
{
    /// <summary>The root it trusts.</summary>
    public required TrustRoot Root { get; init; }

    /// <summary>Its own id.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>
    /// The last order it accepted; (0, 0) before the first, and (0, revision) for what it took before orders were signed.
    /// </summary>
    public required OrderPlace Accepted { get; init; }

    /// <summary>Digests of the releases that it was told before: what an expired root can still have it keep.</summary>
    public required IReadOnlySet<string> Known { get; init; }

    /// <summary>The time it trusts.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>The last anchor of time it took.</summary>
    public long TimeAnchor { get; init; }
}

/// <summary>When a device acts on an order. Pure: bytes, keys and times in, a verdict out; no file, no socket, no clock.</summary>
public static class OrderVerifier
{
    /// <summary>
    /// How far a revision may lie ahead of the last one in its epoch. A server counts by one, and devices that were away for years miss
    /// thousands; who has stolen the key of orders cannot use up the numbers.
    /// </summary>
    public const long MaximumJump = 1L << 20;

    /// <summary>The largest revision: every JSON reader has it exactly.</summary>
    public const long MaximumRevision = (1L << 53) - 1;

    /// <summary>Judges an order.</summary>
    /// <param name="envelope">The order; null when none came.</param>
    /// <param name="revision">The revision of the desired state that it came with.</param>
    /// <param name="carried">The releases of that desired state.</param>
    /// <param name="ground">What the device knows.</param>
    public static OrderVerdict Verify(
        DsseEnvelope? envelope, long revision, IEnumerable<OrderedRelease> carried, OrderGround ground)
    {
        if (envelope is null)
            return Refuse(OrderFault.Missing, "The desired state came without an order: whoever sent it may not command this device.");
        if (SignatureProblem(envelope, ground.Root) is { } unsigned) return unsigned;
        if (Read(envelope) is not { } order)
            return Refuse(OrderFault.Malformed, "What was signed does not read as an order.");
        if (order.Withdrawn?.Count > Limits.WithdrawnPerOrder)
            return Refuse(
                OrderFault.Malformed, $"The order withdraws {order.Withdrawn.Count} releases; {Limits.WithdrawnPerOrder} may be.");
        if (order.Timings?.Count > Limits.TimingsPerOrder)
            return Refuse(
                OrderFault.Malformed, $"The order names {order.Timings.Count} files to be timed; {Limits.TimingsPerOrder} may be.");
        if (order.Timings?.Select(timing => timing.Timed.Problem()).OfType<string>().FirstOrDefault() is { } timing)
            return Refuse(OrderFault.Malformed, timing);
        if (order.Revision != revision)
            return Refuse(OrderFault.Malformed, $"The order is for revision {order.Revision}, the desired state is {revision}.");
        if (!order.Assignments.ToHashSet().SetEquals(carried))
            return Refuse(OrderFault.ReleasesDiffer, "The releases that came with the order are not those it names.");
        return AddressProblem(order, ground) ?? PlaceProblem(order, ground) ?? TimeProblem(order, ground)
            ?? new OrderVerdict(order, OrderFault.None, "");
    }

    /// <summary>The order in an envelope, whoever signed it; null when it does not read as one.</summary>
    public static DeviceOrder? Read(DsseEnvelope envelope)
    {
        if (envelope.PayloadType != DeviceOrder.PayloadType || envelope.Payload.Length > Limits.OrderBytes) return null;
        try { return JsonSerializer.Deserialize(envelope.Payload, WireJson.Default.DeviceOrder); }
        catch (JsonException) { return null; }
    }

    private static OrderVerdict? SignatureProblem(DsseEnvelope envelope, TrustRoot root)
    {
        if (EnvelopeSigners.Of(envelope, root.OrderKeys(), out var named).Count > 0) return null;
        var signers = EnvelopeSigners.Shortened(envelope.Signatures.Select(signature => signature.KeyId));
        return named
            ? Refuse(OrderFault.SignatureInvalid, "The signature does not match the order: it was changed after it was signed.")
            : Refuse(OrderFault.KeyNotTrusted,
                $"The order is signed by {signers}; root {root.Version} names {EnvelopeSigners.Shortened(root.Roles.Orders.Keys)} for "
                    + $"orders.");
    }

    private static OrderVerdict? AddressProblem(DeviceOrder order, OrderGround ground)
    {
        if (order.Fleet != ground.Root.Fleet)
            return Refuse(OrderFault.OtherFleet, $"The order is of fleet {order.Fleet}, not {ground.Root.Fleet}.");
        return order.Device == ground.Device
            ? null
            : Refuse(OrderFault.OtherDevice, $"The order is to {order.Device}; this is {ground.Device}.");
    }

    private static OrderVerdict? PlaceProblem(DeviceOrder order, OrderGround ground)
    {
        if (order.Epoch < ground.Root.OrderEpoch)
            return Refuse(OrderFault.EpochOutdated, $"The order is of epoch {order.Epoch}; root {ground.Root.Version} began "
                + $"{ground.Root.OrderEpoch}.");
        if (order.Epoch > ground.Root.OrderEpoch)
            return Refuse(OrderFault.EpochUnknown, $"The order is of epoch {order.Epoch}; root {ground.Root.Version} is of "
                + $"{ground.Root.OrderEpoch}.");
        if (order.Revision is < 0 or > MaximumRevision)
            return Refuse(OrderFault.RevisionJump, $"Revision {order.Revision} is not within 0..{MaximumRevision}.");
        if (order.Place() < ground.Accepted)
            return Refuse(
                OrderFault.RevisionOutdated,
                $"The order is {order.Place()}; {ground.Accepted} was accepted before. A server restored from a backup must continue "
                    + "above it.");
        return order.Epoch == ground.Accepted.Epoch && order.Revision - ground.Accepted.Revision > MaximumJump
            ? Refuse(
                OrderFault.RevisionJump,
                $"Revision {order.Revision} is more than {MaximumJump} ahead of {ground.Accepted.Revision}, the last one accepted.")
            : null;
    }

    private static OrderVerdict? TimeProblem(DeviceOrder order, OrderGround ground)
    {
        // An order that anchors the time anew is judged by the time it brings.
        var now = order.TimeAnchor > ground.TimeAnchor ? order.IssuedAt : ground.Now;
        if (order.ExpiresAt <= now)
            return Refuse(OrderFault.Expired, $"The order expired at {order.ExpiresAt:u}; the time trusted here is {now:u}.");
        return ground.Root.ExpiresAt <= now && order.Assignments.Any(release => !ground.Known.Contains(release.Sha256))
            ? Refuse(
                OrderFault.RootExpired,
                $"Root {ground.Root.Version} expired at {ground.Root.ExpiresAt:u}: until a newer one comes, this device takes "
                    + "nothing new.")
            : null;
    }

    private static OrderVerdict Refuse(OrderFault fault, string reason) => new(null, fault, reason);
}
