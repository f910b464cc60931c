using System.Globalization;
using System.Security.Cryptography;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Quantization;

/// <summary>
/// Makes the variants of a float model for every profile of a spec and judges each: accuracy against the budget, agreement with
/// the float model, and latency where the profile is this machine's. A variant that cannot be made or misses its budget is
/// reported as rejected with the reason; a profile left without a good integer variant gets the float model itself.
/// </summary>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
internal sealed class VariantMaker(DeviceFacts? machine = null)
{
    private readonly DeviceFacts _machine = machine ?? ThisMachine.Facts;

    /// <summary>Scheme of a variant that is the float model itself.</summary>
    private const string FloatScheme = "fp32";

    /// <summary>Samples that rank operators when a variant misses its budget, as many as NNCF takes.</summary>
    private const int RankingSamples = 300;

    /// <summary>Makes all variants.</summary>
    /// <param name="studentOnnx">The float model: one float input, logits first among its outputs.</param>
    /// <param name="calibration">Training samples that fix the ranges of activations.</param>
    /// <param name="test">Labelled samples that judge.</param>
    /// <param name="spec">Profiles, calibrator, budget.</param>
    /// <param name="outputFolder">Where the files <c>ID.onnx</c> go.</param>
    /// <param name="progress">Told each step, with the share of this work from 0 to 1.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The float model itself cannot be used.</exception>
    /// <exception cref="ArgumentException">The spec names an unknown profile or calibrator.</exception>
    public IReadOnlyList<VariantReport> Make(
        string studentOnnx, SampleSet calibration, SampleSet test, QuantizationSpec spec, string outputFolder,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var profiles = spec.Profiles.Select(ProfileNamed).ToArray();
        var calibrator = Calibrators.Named(spec.Calibrator);
        Directory.CreateDirectory(outputFolder);

        progress.Report(new BuildProgress("Preparing the model", 0));
        var prepared = PreparedModel.From(studentOnnx, outputFolder);
        using var baseline = Baseline.Measure(studentOnnx, test, cancellationToken);

        progress.Report(new BuildProgress("Calibrating", 0.05));
        var wanted = profiles.SelectMany(profile => QuantizationSchemes.For(profile).Select(scheme => (profile, scheme))).ToArray();
        var samples = new SampleFeeds(baseline.InputName, calibration.Take(spec.CalibrationSamples));
        var histograms = Calibration.Run(prepared.Model, [.. wanted.SelectMany(pair => pair.scheme.CalibratedValues(prepared.Graph)).Distinct()],
            samples, Math.Min(32, baseline.BatchSize), cancellationToken);
        var source = new QuantizationSource(prepared, histograms, calibrator) { Samples = samples, BatchSize = Math.Min(32, baseline.BatchSize) };

        var reports = new List<VariantReport>();
        var ranking = new SampleFeeds(baseline.InputName, calibration.Take(RankingSamples));
        foreach (var (index, (profile, scheme)) in wanted.Index())
        {
            var id = $"{profile.Name}-{scheme.Suffix}";
            progress.Report(new BuildProgress($"Making {id}", 0.2 + 0.8 * index / wanted.Length));
            reports.Add(Attempt(id, profile, scheme, () => Make(id, profile, scheme, source, ranking, baseline, spec, outputFolder, cancellationToken)));
        }
        foreach (var profile in profiles.Where(profile => NeedsFloat(reports.Where(report => report.Profile == profile.Name))))
            reports.Add(FloatVariant(studentOnnx, profile, baseline, outputFolder, cancellationToken));
        progress.Report(new BuildProgress("Variants made", 1));
        return reports;
    }

    private VariantReport Make(
        string id, HardwareProfile profile, IQuantizationScheme scheme, QuantizationSource source, IFeedSource ranking, Baseline baseline,
        QuantizationSpec spec, string outputFolder, CancellationToken cancellationToken)
    {
        var control = new AccuracyControl(scheme, source, session => ModelOutputs.Of(session, ranking, cancellationToken).Values);
        var quantized = control.Quantize(spec.MaximumDrop, model => baseline.DropOf(model, scheme.Runtime(profile.Runtime).On(_machine.IsaFlags), cancellationToken), cancellationToken);
        var path = Path.Combine(outputFolder, id + ".onnx");
        OnnxFile.Save(quantized.Model, path);

        var report = Judge(id, profile, scheme.Name, scheme.Runtime(profile.Runtime), path, baseline, cancellationToken);
        var reasons = new List<string>();
        var accepted = quantized.Drop <= spec.MaximumDrop;
        if (!accepted) reasons.Add(Text($"Accuracy drops by {quantized.Drop:0.0000} against the float model; at most {spec.MaximumDrop:0.0000} is allowed."));
        reasons.AddRange(quantized.Remarks(source.Calibrator));
        if (report.Artifact!.Bytes >= baseline.Bytes) reasons.Add(Text($"The file is not smaller than the float model ({report.Artifact.Bytes} of {baseline.Bytes} bytes)."));
        reasons.AddRange(Remarks(profile, scheme, quantized.Model, path));
        if (report.SpeedUp is < 1 and var speedUp) reasons.Add(Text($"On this machine it runs at {speedUp:0.00} times the speed of the float model, which is offered as well."));
        return report with { Accepted = accepted, Reasons = reasons };
    }

    private IEnumerable<string> Remarks(HardwareProfile profile, IQuantizationScheme scheme, ModelProto model, string path)
    {
        if (scheme is not StaticInt8Scheme { Form: var form }) yield break;
        if (form.Symmetric)
        {
            var problems = TensorRtRules.ProblemsOf(model);
            yield return problems.Count == 0
                ? "Its structure follows TensorRT's rules (symmetric int8, zero point 0, weights per output channel, float bias); TensorRT itself was not run."
                : $"TensorRT's rules are broken: {string.Join(" ", problems)}";
        }
        else if (profile.Matches(_machine) && FusionCheck.UnfusedOperatorsOf(path, scheme.Runtime(profile.Runtime).On(_machine.IsaFlags)) is { Count: > 0 } unfused)
        {
            yield return $"The runtime computes in float, with weights dequantized at every run: {string.Join(", ", unfused)}.";
        }
    }

    /// <summary>Never lets one variant's failure end the others.</summary>
    private static VariantReport Attempt(string id, HardwareProfile profile, IQuantizationScheme scheme, Func<VariantReport> make)
    {
        try
        {
            return make();
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException or ArgumentException or IOException or ArithmeticException)
        {
            return new VariantReport { Id = id, Profile = profile.Name, Scheme = scheme.Name, Runtime = scheme.Runtime(profile.Runtime), Accepted = false, Reasons = [e.Message] };
        }
    }

    private VariantReport FloatVariant(string studentOnnx, HardwareProfile profile, Baseline baseline, string outputFolder, CancellationToken cancellationToken)
    {
        var id = $"{profile.Name}-{FloatScheme}";
        var path = Path.Combine(outputFolder, id + ".onnx");
        File.Copy(studentOnnx, path, overwrite: true);
        return Judge(id, profile, FloatScheme, profile.Runtime, path, baseline, cancellationToken) with
        {
            Accepted = true,
            SpeedUp = profile.Matches(_machine) ? 1 : null,
            Reasons = ["The float model itself, for a profile whose integer variants were rejected or are slower."],
        };
    }

    private static bool NeedsFloat(IEnumerable<VariantReport> ofProfile) => !ofProfile.Any(report => report.Accepted && !(report.SpeedUp < 1));

    private VariantReport Judge(string id, HardwareProfile profile, string scheme, RuntimeSettings runtime, string path, Baseline baseline, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(path, runtime.On(_machine.IsaFlags));
        var outputs = baseline.OutputsOf(session, cancellationToken);
        // The time of another target's form on this processor would be no claim about anything.
        (LatencySummary Float, LatencySummary Variant)? latency = profile.Matches(_machine) ? baseline.LatencyAgainst(session, cancellationToken) : null;
        return new VariantReport
        {
            Id = id,
            Profile = profile.Name,
            Scheme = scheme,
            Runtime = runtime,
            Artifact = Reference(path),
            Scores = new Scores
            {
                Accuracy = Judgement.Accuracy(outputs, baseline.Labels),
                Agreement = Judgement.Agreement(outputs, baseline.Outputs),
                Latency = latency?.Variant,
                Samples = outputs.Count,
            },
            SpeedUp = latency is { } both ? both.Float.P50 / both.Variant.P50 : null,
            Accepted = false,
        };
    }

    private static ArtifactReference Reference(string path)
    {
        using var file = File.OpenRead(path);
        return new ArtifactReference(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(file)), file.Length);
    }

    private static HardwareProfile ProfileNamed(string name) => BuiltInProfiles.Find(name)
        ?? throw new ArgumentException($"Profile '{name}' is not known; it is one of {string.Join(", ", BuiltInProfiles.All.Select(profile => profile.Name))}.", nameof(name));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
