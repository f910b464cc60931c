using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Platform;

namespace Fleet.Quantization.Proof;

/// <summary>How pictures and sound became inputs when a variant was judged, from the report that lies beside it.</summary>
internal static class RecordedPreprocessing
{
    /// <summary>Each part that was used; null where there is no report, or it does not say.</summary>
    public static Preprocessing? Beside(string variant)
    {
        var report = Path.Combine(Path.GetDirectoryName(variant)!, "report.json");
        if (!File.Exists(report) || !RegularFile.Is(report)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(report));
            return json.RootElement.GetProperty("validation").TryGetProperty("preprocessing", out var used)
                ? used.Deserialize(FleetJson.Default.Preprocessing) : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // What else of the report is needed is asked for where it is; pictures can do without.
            return null;
        }
    }
}
