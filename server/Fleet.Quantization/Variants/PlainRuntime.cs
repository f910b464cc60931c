using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Variants;

/// <summary>What becomes of a variant in ONNX Runtime when nobody sets what it needs, in a sentence.</summary>
internal static class PlainRuntime
{
    /// <summary>Share of the time, and decibels, below which nothing has changed: one model that is loaded twice differs by some.</summary>
    private const double AlikeTime = 0.05, AlikeDecibels = 0.5;

    /// <summary>
    /// Of what is set for a variant what it needs: what its file names, and what its profile adds. The guard against saturation is in
    /// profiles for whatever they serve, and matters to files with signed weights alone.
    /// </summary>
    /// <param name="runtime">What is set.</param>
    /// <param name="needed">What the file names.</param>
    public static IReadOnlyList<string> NeededOf(RuntimeSettings runtime, NeededSettings needed)
        => [.. runtime.SessionEntries.Where(entry => entry.Key != NeededSettings.QuantPrecision || needed.Entries.ContainsKey(entry.Key))
            .OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}")];

    /// <summary>What was measured without them, on this machine.</summary>
    /// <param name="settings">What is needed; at least one.</param>
    /// <param name="time">Processor time without them over the time with them; null where the runtime does not load the file.</param>
    /// <param name="told">How close it is with them, in decibels.</param>
    /// <param name="plain">How close it is without them.</param>
    public static string Measured(IReadOnlyList<string> settings, double? time, double told, double plain)
    {
        var without = $"Without {string.Join(" and ", settings)}, which stands in its file, plain ONNX Runtime";
        if (time is not { } factor) return $"{without} does not load it.";
        var takes = Math.Abs(factor - 1) <= AlikeTime + 1e-9
            ? "takes the processor time told"
            : Text($"takes {factor:0.00} times the processor time told");
        var lost = Math.Min(told, Closeness.Exact) - Math.Min(plain, Closeness.Exact);
        var likeness = Math.Abs(lost) <= AlikeDecibels + 1e-9
            ? "answers as told"
            : Text($"comes as close to the float model as {plain:0.0} dB, not {told:0.0} dB");
        return $"{without} {takes} and {likeness}.";
    }

    /// <summary>The same of a variant that was not run here.</summary>
    public static string Untold(IReadOnlyList<string> settings)
        => $"It needs {string.Join(" and ", settings)} wherever it is loaded, which stands in its file; what it is without that was not "
            + "measured here.";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
