using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Quantization;

namespace Fleet.Quantize;

/// <summary>What a request file asks for.</summary>
internal static class Work
{
    /// <summary>Makes variants and writes them, report.json and report.html into <paramref name="folder"/>.</summary>
    public static void Quantize(string requestPath, string folder, CancellationToken cancellationToken)
    {
        var request = Read(requestPath, FleetJson.Default.QuantizationRequest);
        try
        {
            new Quantizer().Run(request, folder, new ProgressLines(), cancellationToken).WriteTo(folder);
        }
        catch (Exception e) when (QuantizationProcess.RanOutOfMemory(e))
        {
            var model = Path.GetFileName(request.Source.Onnx);
            throw new InvalidDataException(
                $"{model} needs more memory than it may have; allow more with --memory, or give a smaller model or fewer samples.", e);
        }
    }

    /// <summary>Proves a variant and writes the figures to <paramref name="reportPath"/>; true when every processor holds.</summary>
    public static async Task<bool> ProveAsync(string requestPath, string reportPath, CancellationToken cancellationToken)
    {
        var request = Read(requestPath, FleetJson.Default.ProofRequest);
        var proof = await VariantProver.RunAsync(request, new ProgressLines(), cancellationToken);
        await File.WriteAllTextAsync(reportPath, JsonSerializer.Serialize(proof, FleetJson.Indented.ProofReport), cancellationToken);
        return proof.Holds;
    }

    /// <summary>
    /// Compares a variant with its float model and writes the figures to <paramref name="reportPath"/>, and a page where one is asked for.
    /// </summary>
    public static void Inspect(string requestPath, string reportPath, string? pagePath, CancellationToken cancellationToken)
    {
        var request = Read(requestPath, FleetJson.Default.InspectionRequest);
        var report = VariantInspector.Run(request, new ProgressLines(), cancellationToken);
        if (pagePath is not null) report.WritePage(pagePath);
        File.WriteAllText(reportPath, JsonSerializer.Serialize(report, FleetJson.Indented.InspectionReport));
    }

    private static T Read<T>(string path, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new InvalidDataException($"{path} holds no request.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} cannot be read as a {typeof(T).Name}: {e.Message}", e);
        }
    }

    private sealed class ProgressLines : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => Console.WriteLine(JsonSerializer.Serialize(value, FleetJson.Default.BuildProgress));
    }
}
