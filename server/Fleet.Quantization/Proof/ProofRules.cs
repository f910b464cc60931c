using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Proof;

/// <summary>What one run showed.</summary>
/// <param name="Accuracy">Share of samples decided as their labels say; null without labels.</param>
/// <param name="SignalToNoise">Decibels against the float model, or against the native run where there is none.</param>
internal readonly record struct ProofFigures(double? Accuracy, double SignalToNoise);

/// <summary>When a variant holds on a processor. Pure.</summary>
internal static class ProofRules
{
    /// <summary>Accuracy a processor may lose against the native run, and in no case less than one sample.</summary>
    public const double AccuracyTolerance = 0.003;

    /// <summary>Decibels it may lose.</summary>
    public const double SignalTolerance = 0.5;

    /// <summary>
    /// Decibels beyond which nothing is lost: there the order in which floats are added decides, and no 8-bit variant is so close.
    /// </summary>
    public const double LoudEnough = 60;

    /// <summary>Decibels that a run must reach against the native run where there is no float model to compare with.</summary>
    public const double AgainstNative = 30;

    /// <summary>The verdict on one processor.</summary>
    /// <param name="processor">The processor.</param>
    /// <param name="native">What this machine showed.</param>
    /// <param name="emulated">What it showed.</param>
    /// <param name="samples">Samples that were run.</param>
    /// <param name="hasReference">True when the signal to noise is against a float model.</param>
    /// <param name="runtime">The settings asked for.</param>
    public static ProcessorProof Judge(
        EmulatedProcessor processor, ProofFigures native, ProofFigures emulated, int samples, bool hasReference, RuntimeSettings runtime)
    {
        var (loss, allowed, sentence) = (native.Accuracy, emulated.Accuracy) switch
        {
            ({ } before, { } after) =>
                (before - after, Math.Max(AccuracyTolerance, 1.0 / Math.Max(1, samples)),
                    Text($"Accuracy is {100 * (before - after):0.0} points below the native one.")),
            _ when hasReference => (
                Math.Min(native.SignalToNoise, LoudEnough) - Math.Min(emulated.SignalToNoise, LoudEnough), SignalTolerance,
                Text($"Signal to noise is {native.SignalToNoise - emulated.SignalToNoise:0.0} dB below the native one.")),
            _ => (AgainstNative - Math.Min(emulated.SignalToNoise, AgainstNative), 0.0,
                Text($"Its outputs differ from the native ones ({emulated.SignalToNoise:0.0} dB; at least {AgainstNative:0} dB is ")
                    + "required)."),
        };
        // A hair of tolerance: shares of samples are not exact in binary.
        var holds = loss <= allowed + 1e-9;
        return new ProcessorProof
        {
            Processor = processor.Name,
            Description = processor.Description,
            Accuracy = emulated.Accuracy,
            SignalToNoise = emulated.SignalToNoise,
            Loss = native.Accuracy is null ? loss : 100 * loss,
            Holds = holds,
            Detail = holds ? "" : sentence + RemedyFor(processor, runtime),
        };
    }

    private static string RemedyFor(EmulatedProcessor processor, RuntimeSettings runtime)
        => processor.Architecture == "x64" && !runtime.SessionEntries.ContainsKey(NeededSettings.QuantPrecision)
            ? $" Its 8-bit products saturate: set {NeededSettings.QuantPrecision}=1, or use unsigned weights."
            : "";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
