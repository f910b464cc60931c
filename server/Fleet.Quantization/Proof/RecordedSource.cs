using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Platform;

namespace Fleet.Quantization.Proof;

/// <summary>How samples were read when a variant was judged, from the report that lies beside it.</summary>
internal static class RecordedSource
{
    /// <summary>
    /// The same source; how pictures and sound become inputs and what labels are for, where it does not say, is as the report has it.
    /// </summary>
    public static SourceSpec Completed(SourceSpec source)
    {
        var report = Path.Combine(Path.GetDirectoryName(source.Onnx)!, "report.json");
        if (!File.Exists(report) || !RegularFile.Is(report)) return source;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(report));
            // Of what has no labels the report says that it is compared output by output, which is what is done without a word.
            var task = json.RootElement.TryGetProperty("task", out var word) ? word.Deserialize(FleetJson.Default.ModelTask)
                : ModelTask.Outputs;
            return source with
            {
                Task = source.Task ?? (task == ModelTask.Outputs ? null : task),
                Preprocessing = source.Preprocessing
                    ?? (json.RootElement.TryGetProperty("validation", out var validation)
                        && validation.TryGetProperty("preprocessing", out var used)
                            ? used.Deserialize(FleetJson.Default.Preprocessing) : null),
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // What else of the report is needed is asked for where it is; samples can do without.
            return source;
        }
    }
}
