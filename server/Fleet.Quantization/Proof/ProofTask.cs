using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;

namespace Fleet.Quantization.Proof;

/// <summary>What is to be proved, with its samples read.</summary>
/// <param name="VariantPath">The ONNX file.</param>
/// <param name="ReferencePath">The float model that it stands for; null to compare with its own native run.</param>
/// <param name="Samples">Samples that judge.</param>
/// <param name="Labels">Class of each sample; null when there are none.</param>
/// <param name="Source">Where the samples came from, for the report.</param>
/// <param name="MaximumSamples">Samples that are run at most.</param>
/// <param name="Runtime">What devices create the session with.</param>
/// <param name="Processors">The processors.</param>
internal sealed record ProofTask(
    string VariantPath, string? ReferencePath, IFeedSource Samples, IReadOnlyList<long>? Labels, string Source, int MaximumSamples,
    RuntimeSettings Runtime, IReadOnlyList<EmulatedProcessor> Processors)
{
    /// <summary>Seed of samples that are made up: that of those which judged the variant when it was made.</summary>
    private const int Seed = 2;

    /// <summary>Reads what a request names.</summary>
    /// <exception cref="InvalidDataException">A file is missing, or the model or its samples cannot be used.</exception>
    /// <exception cref="ArgumentException">A processor is not known.</exception>
    public static ProofTask Of(ProofRequest request)
    {
        var source = request.Variant;
        foreach (var file in (string?[])[source.Onnx, request.Reference])
        {
            if (file is not null && !File.Exists(file)) throw new InvalidDataException($"{file} does not exist.");
        }
        using var session = OnnxRuntimeSession.Open(source.Onnx);
        var inputs = ModelInput.WithTables(ModelInput.Of(session), OnnxFile.Load(request.Reference ?? source.Onnx));
        var state = ModelState.Of(session, inputs, source.State ?? []);
        var data = ModelSamples.Read(source.Validation, inputs, state, Seed, source.ValidationLabels,
            SyntheticShapes.For(source, session, inputs, state), source.Task);
        return new ProofTask(source.Onnx, request.Reference, data.Feeds,
            data.Truth.Task == ModelTask.Classification ? data.Truth.Classes : null, data.Source, request.Samples,
            request.Runtime ?? Recorded(source.Onnx),
            request.Processors is { } names ? [.. names.Select(EmulatedProcessor.Named)] : EmulatedProcessor.Usual);
    }

    /// <summary>
    /// The settings in the report that lies beside the variant; none where there is no report, or it does not name the variant.
    /// </summary>
    private static RuntimeSettings Recorded(string variant)
    {
        var report = Path.Combine(Path.GetDirectoryName(variant)!, "report.json");
        if (!File.Exists(report)) return new RuntimeSettings();
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(report));
            return json.RootElement.GetProperty("variants").EnumerateArray()
                .Where(entry => entry.TryGetProperty("artifact", out var artifact)
                    && artifact.GetProperty("name").GetString() == Path.GetFileName(variant))
                .Select(entry => entry.GetProperty("runtime").Deserialize(FleetJson.Default.RuntimeSettings)).FirstOrDefault()
                    ?? new RuntimeSettings();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException(
                $"{report} is not a report of 'fleet models quantize' ({e.Message}); say with --profile or --session-entry what the "
                    + "variant is run with.", e);
        }
    }
}
