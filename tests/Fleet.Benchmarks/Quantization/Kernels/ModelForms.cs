using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization.Kernels;

/// <summary>A model in one of its forms.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Scheme">The scheme; <c>fp32</c> for the float model as prepared.</param>
/// <param name="File">The file.</param>
/// <param name="Inputs">A sample, as emulated processors read it.</param>
/// <param name="Settings">What devices set.</param>
/// <param name="Work">What it has to do.</param>
/// <param name="Samples">The sample, as it is read here.</param>
internal sealed record ModelForm(
    string Model, string Scheme, string File, string Inputs, RuntimeSettings Settings, ModelWork Work, IFeedSource Samples)
{
    /// <summary>Both names.</summary>
    public string Title => $"{Model}, {Scheme}";
}

/// <summary>Every form that can be made of a model for a profile, as its devices would run them.</summary>
internal static class ModelForms
{
    /// <summary>No processor of any profile: nothing is timed while forms are made.</summary>
    private static readonly DeviceFacts Nowhere = new() { Architecture = "none" };

    /// <summary>The forms of a model in memory.</summary>
    public static IEnumerable<ModelForm> Of(
        string name, ModelProto model, HardwareProfile profile, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        OnnxFile.Save(model, folder[$"{name}.onnx"]);
        return Of(name, folder[$"{name}.onnx"], profile, folder, cancellationToken);
    }

    /// <summary>The forms of a file, the float model first.</summary>
    public static IEnumerable<ModelForm> Of(
        string name, string path, HardwareProfile profile, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        var output = folder[$"{name}-{profile.Name}"];
        var source = new SourceSpec { Onnx = path, Calibration = SampleSource.Synthetic, Validation = SampleSource.Synthetic };
        var report = new Quantizer(machine: Nowhere).Run(
            new QuantizationRequest
            {
                Source = source,
                Quantization = new QuantizationSpec
                {
                    Profiles = [profile.Name],
                    Schemes = [.. QuantizationSchemes.All.Select(scheme => scheme.Name).Order(StringComparer.Ordinal)],
                    MinimumSignalToNoise = 0,
                    Effort = "fast",
                },
            },
            output, new Progress<BuildProgress>(), cancellationToken);
        IFeedSource samples;
        using (var session = OnnxRuntimeSession.Open(path))
        {
            var inputs = ModelInput.Of(session);
            var state = ModelState.Of(session, inputs, []);
            samples = ModelSamples.Read(SampleSource.Synthetic, inputs, state, seed: 1,
                shapes: SyntheticShapes.For(source, session, inputs, state)).Feeds;
        }
        InstructionCounts.WriteInputs(samples, folder[$"{name}.inputs"]);
        var costs = new CostModel(profile, samples);
        OnnxFile.Save(PreparedModel.From(path, folder.Path).Model, folder[$"{name}-fp32.onnx"]);
        IEnumerable<(string Scheme, string File, RuntimeSettings Settings)> files = [
            ("fp32", folder[$"{name}-fp32.onnx"], new RuntimeSettings()),
            .. report.Variants.Where(variant => variant.Artifact is not null && variant.Scheme != "fp32")
                .Select(variant => (variant.Scheme, Path.Combine(output, variant.Artifact!.Name), variant.Runtime)),
        ];
        foreach (var (scheme, file, settings) in files)
        {
            if (costs.WorkOf(file, settings, cancellationToken) is { } work)
                yield return new ModelForm(name, scheme, file, folder[$"{name}.inputs"], settings, work, samples);
        }
    }

    /// <summary>Their instructions on an emulated processor; those that do not load there are missing.</summary>
    public static async Task<IReadOnlyList<CountedRun>> CountedAsync(
        IReadOnlyList<ModelForm> forms, EmulatedProcessor processor, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        var runs = new List<CountedRun>();
        foreach (var alike in forms.GroupBy(form => form.Settings.EntriesText()))
        {
            var counts = await InstructionCounts.OfAsync(
                processor, [.. alike.Select(form => (form.File, form.Inputs))], alike.First().Settings, folder, cancellationToken);
            runs.AddRange(alike.Where(form => counts.ContainsKey(form.File))
                .Select(form => new CountedRun(form.Title, form.Work, counts[form.File])));
        }
        return runs;
    }
}
