using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>The layers of a variant, as a table.</summary>
internal static class LayerTable
{
    /// <summary>Letters of a layer's name that are shown: its end tells layers apart.</summary>
    private const int LongestName = 26;

    /// <summary>Letters of an operator that are shown, so that a row fits 80 columns.</summary>
    private const int LongestOperator = 13;

    /// <summary>Layers named as those that cost most.</summary>
    private const int Costliest = 3;

    /// <summary>Writes the layers in the order in which they run, and what stands out.</summary>
    public static void Write(Shell screen, InspectionReport report, string? page)
    {
        var closeness = report.SignalToNoise >= Closeness.Exact ? "equal to" : $"{Figures.Decibels(report.SignalToNoise)} dB against";
        screen.WriteHeading($"{report.Variant}: {closeness} {report.Reference}, "
            + $"{Figures.Count(report.Samples.Count)} samples");
        if (report.Samples.Preprocessing is { } preprocessing) screen.WriteSentence($"Files became inputs so: {preprocessing}.");
        foreach (var sentence in report.Settings) screen.WriteSentence(sentence);
        if (report.Samples.IsMadeUp) screen.WriteSentence("Made-up samples were used: figures are a first look only.");
        screen.WriteLine();
        var sheet = new Sheet(["layer", "op", ">alone", ">here", ">cut off", ">outliers", "weights?", "values?", "float range?"]);
        foreach (var layer in report.Layers)
        {
            sheet.Add([
                Shortened(layer.Layer),
                layer.Operator.Length <= LongestOperator ? layer.Operator : layer.Operator[..(LongestOperator - 1)] + "…",
                layer.Alone is { } alone ? Figures.Decibels(alone) : Figures.None,
                Figures.Decibels(layer.Cumulative),
                layer.Saturated is { } share ? (share * 100).ToString("0.000", CultureInfo.InvariantCulture) + " %" : Figures.None,
                layer.LargestFactor is null ? Figures.None : $"{layer.OutlierChannels}/{layer.Channels}",
                layer.Weights ?? Figures.None, layer.Activations ?? Figures.None,
                FormattableString.Invariant($"{layer.Minimum:G3}..{layer.Maximum:G3}"),
            ]);
        }
        screen.Write(sheet);
        screen.WriteLine();
        string[] costliest = [
            .. report.Layers.Where(layer => layer.Alone < Closeness.Exact).OrderBy(layer => layer.Alone).Take(Costliest)
                .Select(layer => $"{layer.Layer} ({Figures.Decibels(layer.Alone)} dB)"),
        ];
        if (costliest.Length > 0) screen.WriteSentence($"Alone these cost most: {string.Join(", ", costliest)}.");
        if (report.Layers.Any(layer => layer.Rescaled))
            screen.WriteSentence("Equalization changed the scale of channels; each is compared in the scale that suits it best.");
        if (report.NotCompared > 0)
            screen.WriteSentence($"{Figures.Count(report.NotCompared)} rounded layers have no value of the same name in both models.");
        if (page is not null) screen.WriteLine($"Page      {page}");
    }

    private static string Shortened(string name) => name.Length <= LongestName ? name : "…" + name[^(LongestName - 1)..];
}
