using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Platform;
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
    /// <summary>What a reader should know of the file, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Seed of samples that are made up: that of those which judged the variant when it was made.</summary>
    private const int Seed = 2;

    /// <summary>Reads what a request names.</summary>
    /// <exception cref="InvalidDataException">A file is missing, or the model or its samples cannot be used.</exception>
    /// <exception cref="ArgumentException">A processor is not known.</exception>
    public static ProofTask Of(ProofRequest request)
    {
        var source = RecordedSource.Completed(request.Variant);
        foreach (var file in (string?[])[source.Onnx, request.Reference])
        {
            if (file is not null && !File.Exists(file)) throw new InvalidDataException($"{file} does not exist.");
        }
        using var session = OnnxRuntimeSession.Open(source.Onnx);
        var variant = OnnxFile.Load(source.Onnx);
        var inputs = ModelInput.WithTables(
            ModelInput.Of(session), request.Reference is { } reference ? OnnxFile.Load(reference) : variant);
        var state = ModelState.Of(session, inputs, source.State ?? []);
        var data = ModelSamples.Read(source.Validation, inputs, state, Seed, source.ValidationLabels,
            SyntheticShapes.For(source, session, inputs, state), source.Task, source);
        ModelSamples.RefuseUnheeded(request.Variant.Preprocessing, data);
        var needed = NeededSettings.In(variant);
        return new ProofTask(source.Onnx, request.Reference, data.Feeds,
            data.Truth.Task == ModelTask.Classification ? data.Truth.Classes : null, data.Source, request.Samples,
            SettingsOf(request, needed),
            request.Processors is { } names ? [.. names.Select(EmulatedProcessor.Named)] : EmulatedProcessor.Usual)
        {
            Notes = [
                .. data.Preprocessing is { } preprocessing
                    ? [$"Files became inputs so: {preprocessing}. How they became those of the variant stands in its report."]
                    : Array.Empty<string>(),
                .. needed.Ignored,
            ],
        };
    }

    /// <summary>
    /// What the session is created with: the settings of the profile that is named or, without one, of the report beside the variant,
    /// which are those that devices get; without that what the file says of itself. A single entry that is asked for wins over them.
    /// </summary>
    private static RuntimeSettings SettingsOf(ProofRequest request, NeededSettings needed)
    {
        var settings = request.Runtime is { } ofProfile ? needed.Over(ofProfile)
            : Recorded(request.Variant.Onnx) ?? new RuntimeSettings { SessionEntries = needed.Entries };
        var entries = settings.SessionEntries.ToDictionary();
        foreach (var (key, value) in request.SessionEntries ?? new Dictionary<string, string>()) entries[key] = value;
        return settings with { SessionEntries = entries };
    }

    /// <summary>
    /// The settings in the report that lies beside the variant; null where there is none, or it does not name the variant.
    /// </summary>
    private static RuntimeSettings? Recorded(string variant)
    {
        var report = Path.Combine(Path.GetDirectoryName(variant)!, "report.json");
        if (!File.Exists(report) || !RegularFile.Is(report)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(report));
            return json.RootElement.GetProperty("variants").EnumerateArray()
                .Where(entry => entry.TryGetProperty("artifact", out var artifact)
                    && artifact.GetProperty("name").GetString() == Path.GetFileName(variant))
                .Select(entry => entry.GetProperty("runtime").Deserialize(FleetJson.Default.RuntimeSettings)).FirstOrDefault();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException(
                $"{report} is not a report of 'fleet models quantize' ({e.Message}); say with --profile or --session-entry what the "
                    + "variant is run with.", e);
        }
    }
}
