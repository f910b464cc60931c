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
    public static Settings NeededOf(RuntimeSettings runtime, NeededSettings needed)
    {
        var entries = runtime.SessionEntries
            .Where(entry => entry.Key != NeededSettings.QuantPrecision || needed.Entries.ContainsKey(entry.Key))
            .OrderBy(entry => entry.Key, StringComparer.Ordinal).ToLookup(
                entry => needed.Entries.GetValueOrDefault(entry.Key) == entry.Value, entry => $"{entry.Key}={entry.Value}");
        return new Settings([.. entries[true]], [.. entries[false]]);
    }

    /// <summary>What was measured without them, on this machine.</summary>
    /// <param name="settings">What is needed; at least one.</param>
    /// <param name="time">Processor time without them over the time with them; null where the runtime does not load the file.</param>
    /// <param name="told">How close it is with them, in decibels.</param>
    /// <param name="plain">How close it is without them.</param>
    public static string Measured(Settings settings, double? time, double told, double plain)
    {
        var without = $"Without {settings}, plain ONNX Runtime";
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

    /// <summary>The same of a variant that was not run here; null where its file needs nothing.</summary>
    public static string? Untold(Settings settings) => settings.OfFile.Count == 0 ? null
        : $"It needs {string.Join(" and ", settings.OfFile)} wherever it is loaded, which stands in its file; what it is without that was "
            + "not measured here.";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What is set for a variant.</summary>
    /// <param name="OfFile">What its file names, wherever it is loaded.</param>
    /// <param name="OfProfile">What its profile adds for reasons of its own.</param>
    public sealed record Settings(IReadOnlyList<string> OfFile, IReadOnlyList<string> OfProfile)
    {
        /// <summary>How many there are.</summary>
        public int Count => OfFile.Count + OfProfile.Count;

        /// <summary>Each with where it stands.</summary>
        public override string ToString() => string.Join(", and ", ((string[])[
            Standing(OfFile, "which stands in its file"), Standing(OfProfile, "which its profile sets")]).Where(part => part.Length > 0));

        private static string Standing(IReadOnlyList<string> settings, string where)
            => settings.Count == 0 ? "" : $"{string.Join(" and ", settings)}, {where}";
    }
}
