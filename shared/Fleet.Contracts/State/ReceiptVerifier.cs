using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.State;

/// <summary>When a receipt proves what a report says. Pure: bytes and keys in, a sentence out.</summary>
public static class ReceiptVerifier
{
    /// <summary>Why a receipt does not prove a report; null when it does.</summary>
    /// <param name="envelope">The signed receipt.</param>
    /// <param name="keys">Keys that the device was enrolled with.</param>
    /// <param name="device">Who reports.</param>
    /// <param name="revision">The revision that is reported.</param>
    /// <param name="model">What is reported of the model.</param>
    /// <param name="release">The release, by its digest; null when it is not known here.</param>
    /// <param name="check">How a signature is checked; null where keys of devices are for ECDSA.</param>
    public static string? ProblemOf(
        DsseEnvelope envelope, IReadOnlyList<ReleaseKey> keys, DeviceId device, long revision, ReportedModel model, string? release,
        SignatureCheck? check = null)
    {
        if (envelope.PayloadType != Receipt.PayloadType)
            return $"Its payload type '{envelope.PayloadType}' is not {Receipt.PayloadType}.";
        if (EnvelopeSigners.Of(envelope, keys, out _, check).Count == 0)
            return $"It is signed by {EnvelopeSigners.Shortened(envelope.Signatures.Select(signature => signature.KeyId))}, and not by a "
                + $"key of {device} ({EnvelopeSigners.Shortened(keys.Select(key => key.Id))}).";
        if (Read(envelope) is not { } receipt) return "What was signed does not read as a receipt.";
        if (receipt.Device != device) return $"It is of device {receipt.Device}.";
        if (receipt.Revision != revision) return $"It answers revision {receipt.Revision}; the report answers {revision}.";
        if ((receipt.Model, receipt.Version) != (model.Model, model.Version))
            return $"It is for {receipt.Model} {receipt.Version}, the report for {model.Model} {model.Version}.";
        if (release is not null && receipt.Release != release)
            return $"It is for a release {EnvelopeSigners.Shortened([receipt.Release])}, which is not the {model.Model} {model.Version} "
                + "that was signed.";
        if (receipt.Variant != model.Variant) return $"It is for variant {receipt.Variant}, the report for {model.Variant ?? "none"}.";
        return receipt.Measured.Equals(model.Measured) ? null : "Its figures are not those of the report.";
    }

    private static Receipt? Read(DsseEnvelope envelope)
    {
        try { return JsonSerializer.Deserialize(envelope.Payload, WireJson.Default.Receipt); }
        catch (JsonException) { return null; }
    }
}
