using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Report;

namespace Fleet.Quantization;

/// <summary>Writes a report for programs and for people.</summary>
public static class QuantizationFiles
{
    /// <summary>Writes <c>report.json</c>, and <c>report.html</c> as one page that needs no network.</summary>
    public static void WriteTo(this QuantizationReport report, string folder)
    {
        File.WriteAllText(Path.Combine(folder, "report.json"), JsonSerializer.Serialize(report, FleetJson.Indented.QuantizationReport));
        File.WriteAllText(Path.Combine(folder, "report.html"), ReportPage.Render(report));
    }
}
