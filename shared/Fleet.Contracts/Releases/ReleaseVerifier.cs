using System.Text.Json;

namespace Fleet.Contracts.Releases;

/// <summary>When a release is trusted. Pure: bytes, keys and times in, a verdict out; no file, no socket, no clock.</summary>
public static class ReleaseVerifier
{
    /// <summary>Judges an envelope as it arrived.</summary>
    /// <param name="envelope">The UTF-8 JSON of a <see cref="DsseEnvelope"/>, at most <see cref="Limits.ManifestBytes"/>.</param>
    /// <param name="trustedKeys">Keys this device trusts.</param>
    /// <param name="latestTrustedTime">The latest time the device has seen from a signed source or its own clock, whichever is
    /// later.</param>
    /// <param name="model">The model the release was assigned to; null where nobody assigned it and any model will do.</param>
    /// <param name="minimumVersion">The smallest version this device may take: its rollback protection.</param>
    public static ReleaseVerdict Verify(
        ReadOnlySpan<byte> envelope, IReadOnlyList<ReleaseKey> trustedKeys, DateTimeOffset latestTrustedTime,
        string? model = null, int minimumVersion = 1)
    {
        if (envelope.Length > Limits.ManifestBytes)
            return Refuse(ReleaseFault.Malformed, $"The manifest has {envelope.Length} bytes; at most {Limits.ManifestBytes} are read.");
        DsseEnvelope? signed;
        try { signed = JsonSerializer.Deserialize(envelope, WireJson.Default.DsseEnvelope); }
        catch (JsonException e) { return Refuse(ReleaseFault.Malformed, $"The envelope is not valid JSON: {e.Message}"); }
        return signed is null
            ? Refuse(ReleaseFault.Malformed, "The envelope is empty.")
            : Verify(signed, trustedKeys, latestTrustedTime, model, minimumVersion);
    }

    /// <inheritdoc cref="Verify(ReadOnlySpan{byte}, IReadOnlyList{ReleaseKey}, DateTimeOffset, string?, int)"/>
    public static ReleaseVerdict Verify(
        DsseEnvelope envelope, IReadOnlyList<ReleaseKey> trustedKeys, DateTimeOffset latestTrustedTime, string? model, int minimumVersion)
    {
        // Nothing inside the envelope is parsed before a signature holds.
        if (envelope.PayloadType != DsseEnvelope.InToto)
            return Refuse(ReleaseFault.Malformed, $"Payload type '{envelope.PayloadType}' is not {DsseEnvelope.InToto}.");
        if (EnvelopeSigners.Of(envelope, trustedKeys, out var known).Count == 0)
        {
            return known
                ? Refuse(ReleaseFault.SignatureInvalid, "The signature does not match the manifest: it was changed after it was signed.")
                : Refuse(ReleaseFault.KeyNotTrusted,
                    $"Signed by {EnvelopeSigners.Shortened(envelope.Signatures.Select(signature => signature.KeyId))}, which this device "
                        + $"does not trust "
                        + $"(trusted: {EnvelopeSigners.Shortened(trustedKeys.Select(key => key.Id))}).");
        }

        ReleaseStatement? statement;
        try { statement = JsonSerializer.Deserialize(envelope.Payload, WireJson.Default.ReleaseStatement); }
        catch (JsonException e) { return Refuse(ReleaseFault.Malformed, $"The signed statement is not valid: {e.Message}"); }
        if (statement is not
            {
                Type: ReleaseStatement.StatementType,
                PredicateType: ReleaseStatement.ReleasePredicate, Predicate: { } manifest
            })
            return Refuse(ReleaseFault.Malformed, $"The signed statement is not a {ReleaseStatement.ReleasePredicate}.");
        if (ManifestRules.ProblemsOf(manifest) is [var problem, ..])
            return Refuse(ReleaseFault.Malformed, problem);
        if (!statement.Subject.SequenceEqual(ReleaseStatement.SubjectsOf(manifest)))
            return Refuse(ReleaseFault.Malformed, "The statement's subjects are not the artifacts its manifest names.");

        if (model is not null && manifest.Model != model)
            return Refuse(ReleaseFault.WrongModel, $"The release is for model {manifest.Model}, not {model}.");
        if (manifest.Version < minimumVersion)
            return Refuse(ReleaseFault.VersionTooOld,
                $"Release {manifest.Version} of {manifest.Model} is older than {minimumVersion}, the oldest this device may take.");
        return manifest.ExpiresAt <= latestTrustedTime
            ? Refuse(ReleaseFault.Expired,
                $"Release {manifest.Model} {manifest.Version} expired at {manifest.ExpiresAt:u}; the latest time known here is "
                    + $"{latestTrustedTime:u}.")
            : new ReleaseVerdict(manifest, ReleaseFault.None, "");
    }

    private static ReleaseVerdict Refuse(ReleaseFault fault, string reason) => new(null, fault, reason);
}
