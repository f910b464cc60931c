using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Report;

namespace Fleet.Quantization;

/// <summary>Writes a report for programs and for people.</summary>
public static class QuantizationFiles
{
    /// <summary>
    /// Writes <c>report.json</c>, <c>report.html</c> as one page that needs no network, and <c>recipe.json</c>, by which the variants can
    /// be made again.
    /// </summary>
    public static void WriteTo(this QuantizationReport report, string folder)
    {
        File.WriteAllText(Path.Combine(folder, "report.json"), JsonSerializer.Serialize(report, FleetJson.Indented.QuantizationReport));
        File.WriteAllText(Path.Combine(folder, "report.html"), ReportPage.Render(report));
        if (report.Recipe is { } recipe)
            File.WriteAllText(Path.Combine(folder, "recipe.json"), JsonSerializer.Serialize(recipe, FleetJson.Indented.QuantizationRecipe));
    }
}
