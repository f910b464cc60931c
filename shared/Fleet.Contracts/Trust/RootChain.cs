using System.Text.Json;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Trust;

/// <summary>How far roots led.</summary>
/// <param name="Root">The root trusted now.</param>
/// <param name="Newest">Its envelope; null when none led further.</param>
/// <param name="Refused">Why the next one is not trusted; null when none was refused.</param>
public sealed record RootWalk(TrustRoot Root, DsseEnvelope? Newest, RootVerdict? Refused);

/// <summary>
/// Which root a device trusts next (TUF, section 5.3). Pure. Time plays no part: a root that expired long ago still leads to the one
/// after it, so that a device that was off for years finds its way.
/// </summary>
public static class RootChain
{
    /// <summary>A first root, pinned by the SHA-256 of its payload, or trusted as it comes when nothing names one.</summary>
    /// <param name="envelope">The root.</param>
    /// <param name="digest">What names it; null for trust on first use.</param>
    public static RootVerdict First(DsseEnvelope envelope, string? digest) => digest is not null && envelope.Digest() != digest
        ? Refuse(RootFault.NotPinned, "The root is not the one that was named.")
        : Read(envelope);

    /// <summary>
    /// The first root of a device that was enrolled before there were roots: one that is signed by a key it trusts for releases.
    /// </summary>
    public static RootVerdict Adopt(DsseEnvelope envelope, IReadOnlyList<ReleaseKey> releaseKeys)
        => EnvelopeSigners.Of(envelope, releaseKeys, out _).Count > 0
            ? Read(envelope)
            : Refuse(RootFault.ThresholdMissed,
                $"Root signed by {Signers(envelope)}; this device trusts releases of "
                    + $"{EnvelopeSigners.Shortened(releaseKeys.Select(key => key.Id))} alone, and none of them has signed it.");

    /// <summary>The root after <paramref name="current"/>.</summary>
    public static RootVerdict Follow(TrustRoot current, DsseEnvelope envelope)
    {
        var read = Read(envelope);
        if (read.Root is not { } next) return read;
        if (next.Fleet != current.Fleet) return Refuse(RootFault.OtherFleet, $"The root is of fleet {next.Fleet}, not {current.Fleet}.");
        if (next.Version != current.Version + 1)
            return Refuse(RootFault.VersionSkipped, $"Root {next.Version} does not follow root {current.Version}.");
        if (next.OrderEpoch < current.OrderEpoch)
            return Refuse(
                RootFault.EpochLowered,
                $"Root {next.Version} lowers the epoch of orders from {current.OrderEpoch} to {next.OrderEpoch}.");
        return MissingOf(current, envelope) is { } missing
            ? Refuse(RootFault.ThresholdMissed, $"Root {next.Version} needs {missing} of root {current.Version}.")
            : read;
    }

    /// <summary>
    /// Follows from <paramref name="current"/> as far as roots in their order lead; those that are not newer are passed over.
    /// </summary>
    public static RootWalk Walk(TrustRoot current, IEnumerable<DsseEnvelope> roots)
    {
        DsseEnvelope? newest = null;
        foreach (var envelope in roots)
        {
            if (Peek(envelope, out _) is { } known && known.Fleet == current.Fleet && known.Version <= current.Version) continue;
            var verdict = Follow(current, envelope);
            if (verdict.Root is not { } next) return new RootWalk(current, newest, verdict);
            (current, newest) = (next, envelope);
        }
        return new RootWalk(current, newest, null);
    }

    /// <summary>
    /// Signatures that are missing before <paramref name="envelope"/> can follow <paramref name="root"/>, in words; null when none is.
    /// </summary>
    public static string? MissingOf(TrustRoot root, DsseEnvelope envelope)
    {
        var signed = EnvelopeSigners.Of(envelope, root.RootKeys(), out _).Count;
        return signed >= root.Roles.Root.Threshold
            ? null
            : $"the signatures of {root.Roles.Root.Threshold} of {root.Roles.Root.Keys.Count} root keys "
                + $"({EnvelopeSigners.Shortened(root.Roles.Root.Keys)}) and has {signed}";
    }

    /// <summary>The root in an envelope, whoever signed it; null when it does not read as one.</summary>
    public static TrustRoot? Peek(DsseEnvelope envelope, out string problem)
    {
        problem = "";
        if (envelope.PayloadType != TrustRoot.PayloadType)
        {
            problem = $"Payload type '{envelope.PayloadType}' is not {TrustRoot.PayloadType}.";
            return null;
        }
        if (envelope.Payload.Length > Limits.RootBytes)
        {
            problem = $"The root has {envelope.Payload.Length} bytes; at most {Limits.RootBytes} are read.";
            return null;
        }
        try
        {
            var root = JsonSerializer.Deserialize(envelope.Payload, WireJson.Default.TrustRoot);
            if (root is null) problem = "The root is empty.";
            else if (RootRules.ProblemsOf(root) is [var first, ..]) problem = first;
            return problem.Length == 0 ? root : null;
        }
        catch (JsonException e)
        {
            problem = $"The root is not valid: {e.Message}";
            return null;
        }
    }

    /// <summary>A root by itself: well-formed, and signed by enough of its own keys.</summary>
    private static RootVerdict Read(DsseEnvelope envelope)
    {
        if (Peek(envelope, out var problem) is not { } root) return Refuse(RootFault.Malformed, problem);
        return MissingOf(root, envelope) is { } missing
            ? Refuse(RootFault.ThresholdMissed, $"Root {root.Version} needs {missing} of its own.")
            : new RootVerdict(root, RootFault.None, "");
    }

    private static string Signers(DsseEnvelope envelope)
        => EnvelopeSigners.Shortened(envelope.Signatures.Select(signature => signature.KeyId));

    private static RootVerdict Refuse(RootFault fault, string reason) => new(null, fault, reason);
}
