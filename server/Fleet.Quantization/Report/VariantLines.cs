using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Quantization.Report;

/// <summary>Variants as lines for a terminal; the one to take for its profile is marked with a star.</summary>
internal static class VariantLines
{
    public static void Print(IReadOnlyList<VariantReport> variants, ReportMeasure measure)
    {
        var (idWidth, schemeWidth) = (variants.Select(variant => variant.Id.Length).DefaultIfEmpty().Max(),
            variants.Select(variant => variant.Scheme.Length).DefaultIfEmpty().Max());
        foreach (var variant in variants)
        {
            Console.WriteLine(string.Concat(
                Text($"{(variant.Chosen ? "*" : " ")} {variant.Id.PadRight(idWidth)}  ")
                    + Text($"{variant.Scheme.PadRight(schemeWidth)}{variant.Bytes,13:N0} bytes"),
                !measure.IsCloseness && measure.Of(variant) is { } figure ? $"  {measure.Title} {figure.Text()}" : "",
                variant.Closeness is { } close ? Text($"  {close.SignalToNoise,6:0.0} dB") : "",
                variant.Closeness?.Agreement is { } agreement ? Text($"  agrees {agreement:0.000}") : "",
                variant.SpeedUp is { } speed ? Text($"  {speed:0.00}x")
                    : variant.EstimatedSpeedUp is { } estimate ? Text($"  est. {estimate:0.0}x") : "",
                variant.Refinement is { } refinement ? Text($" (refined by {refinement.Devices} devices)") : "",
                variant.SpeedUpInterval is { } range ? Text($" ({range.Low:0.00} to {range.High:0.00})") : "",
                variant.Batch is { } batch ? Text($"  {batch.SpeedUp:0.00}x in batches of {batch.Size}") : "",
                variant.Accepted ? "  accepted" : "  rejected"));
            foreach (var reason in variant.Reasons) Console.WriteLine($"    {reason}");
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
