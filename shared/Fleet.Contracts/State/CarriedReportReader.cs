using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.State;

/// <summary>Reads the file in which a report is carried. Pure: bytes and keys in, a report or a sentence out.</summary>
public static class CarriedReportReader
{
    /// <summary>The file, of which nothing is proven yet.</summary>
    /// <exception cref="FormatException">It is not such a file; the message says why.</exception>
    public static ReportFile Open(ReadOnlySpan<byte> content)
    {
        if (content.Length > Limits.ReportFileBytes)
            throw new FormatException($"It has {content.Length:#,0} bytes; at most {Limits.ReportFileBytes:#,0} are read.");
        try
        {
            return JsonSerializer.Deserialize(content, WireJson.Default.ReportFile) ?? throw new FormatException("It is empty.");
        }
        catch (JsonException e)
        {
            throw new FormatException($"It does not read as the file of a report, or was cut short: {e.Message}", e);
        }
    }

    /// <summary>The report in a file, every byte of which its device signed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="device">The device that its certificate names.</param>
    /// <param name="key">The key of that certificate.</param>
    /// <param name="check">How a signature is checked; null where keys of devices are for ECDSA.</param>
    /// <exception cref="FormatException">It is not that; the message says why.</exception>
    public static CarriedReport Read(ReportFile file, DeviceId device, ReleaseKey key, SignatureCheck? check = null)
    {
        var envelope = file.Report;
        if (envelope.PayloadType != CarriedReport.PayloadType)
            throw new FormatException($"What was signed is of type '{envelope.PayloadType}', not {CarriedReport.PayloadType}.");
        if (envelope.Payload.Length > Limits.CarriedReportBytes)
            throw new FormatException(
                $"What was signed has {envelope.Payload.Length:#,0} bytes; at most {Limits.CarriedReportBytes:#,0} are read.");
        if (EnvelopeSigners.Of(envelope, [key], out var named, check).Count == 0)
            throw new FormatException(named
                ? "The signature does not match: it was changed after it was signed."
                : $"It is signed by {EnvelopeSigners.Shortened(envelope.Signatures.Select(one => one.KeyId))}, and not by the key of the "
                    + $"certificate of {device} ({EnvelopeSigners.Shortened([key.Id])}).");
        var report = Parsed(envelope.Payload);
        if (report.Device != device) throw new FormatException($"It is of device {report.Device}; the certificate in it is of {device}.");
        if (report.State.ReportNumber is not > 0)
            throw new FormatException($"Its number is {report.State.ReportNumber?.ToString() ?? "missing"}, which is not above 0.");
        var stateBytes = JsonSerializer.SerializeToUtf8Bytes(report.State, WireJson.Default.ReportedState).Length;
        return stateBytes <= Limits.ReportedStateBytes
            ? report
            : throw new FormatException(
                $"The state in it has {stateBytes:#,0} bytes; at most {Limits.ReportedStateBytes:#,0} are read.");
    }

    private static CarriedReport Parsed(byte[] payload)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, WireJson.Default.CarriedReport) ?? throw new FormatException("It is empty.");
        }
        catch (JsonException e)
        {
            throw new FormatException($"What was signed does not read as a report: {e.Message}", e);
        }
    }
}
