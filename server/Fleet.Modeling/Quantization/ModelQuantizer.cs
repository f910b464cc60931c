using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Quantization;

/// <summary>What to make of a person's own model.</summary>
/// <param name="Profiles">Hardware profiles.</param>
/// <param name="Schemes">Schemes by name; empty tries all that suit each profile.</param>
/// <param name="Calibrator">How ranges are taken from the samples.</param>
/// <param name="MinimumSignalToNoise">Decibels against the float model below which a variant is rejected.</param>
internal sealed record ModelQuantization(IReadOnlyList<HardwareProfile> Profiles, IReadOnlyList<IQuantizationScheme> Schemes, ICalibrator Calibrator, double MinimumSignalToNoise);

/// <summary>One variant of a person's own model.</summary>
internal sealed record ModelVariant
{
    /// <summary>Name, such as <c>x64-int8</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Profile it was made for.</summary>
    public required string Profile { get; init; }

    /// <summary>Scheme that made it.</summary>
    public required string Scheme { get; init; }

    /// <summary>File in the output folder; null when it could not be made.</summary>
    public string? File { get; init; }

    /// <summary>Size of the file.</summary>
    public long? Bytes { get; init; }

    /// <summary>How close it is to the float model; null when there were no samples.</summary>
    public Comparison? Closeness { get; init; }

    /// <summary>Latency; null when it is for another processor.</summary>
    public LatencySummary? Latency { get; init; }

    /// <summary>Median float latency over this variant's.</summary>
    public double? SpeedUp { get; init; }

    /// <summary>Session settings it was judged with.</summary>
    public required RuntimeSettings Runtime { get; init; }

    /// <summary>True when it is close enough.</summary>
    public bool Accepted { get; init; }

    /// <summary>True for the one to take for its profile.</summary>
    public bool Chosen { get; init; }

    /// <summary>Why it was rejected, or what to know of it.</summary>
    public IReadOnlyList<string> Reasons { get; init; } = [];
}

/// <summary>
/// Makes variants of any model that ONNX Runtime loads, judged by how close their outputs are to the float model's, since there
/// are no labels. A variant below the smallest signal to noise first returns its worst operators to float.
/// </summary>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
internal sealed class ModelQuantizer(DeviceFacts? machine = null)
{
    /// <summary>Samples that rank techniques and operators: of those that judge, since only they show what the ranges miss.</summary>
    private const int RankingSamples = 64;

    private readonly DeviceFacts _machine = machine ?? ThisMachine.Facts;

    /// <summary>Makes every variant asked for.</summary>
    /// <param name="path">The model.</param>
    /// <param name="calibration">Samples that fix ranges; null leaves only schemes that need none.</param>
    /// <param name="validation">Samples that judge.</param>
    /// <param name="settings">Profiles, schemes, limits.</param>
    /// <param name="outputFolder">Where the files go.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The model cannot be used; the message says why.</exception>
    public IReadOnlyList<ModelVariant> Make(string path, IFeedSource? calibration, IFeedSource validation, ModelQuantization settings, string outputFolder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(outputFolder);
        var prepared = PreparedModel.From(path, outputFolder);
        using var session = OnnxRuntimeSession.Open(path);
        var work = new Work(session, AllOutputs.Of(session, validation, cancellationToken), validation, settings, outputFolder, cancellationToken);

        var wanted = settings.Profiles.SelectMany(profile => SchemesFor(profile, settings).Select(scheme => (profile, scheme))).ToArray();
        string[] values = [.. wanted.SelectMany(pair => pair.scheme.CalibratedValues(prepared.Graph)).Distinct()];
        var histograms = calibration is null ? new Dictionary<string, Histogram>() : Calibration.Run(prepared.Model, values, calibration, 1, cancellationToken);
        var source = new QuantizationSource(prepared, histograms, settings.Calibrator) { Samples = calibration };

        var made = wanted.Select(pair => Attempt(pair.profile, pair.scheme, source, calibration is not null, work)).ToList();
        return [.. settings.Profiles.SelectMany(profile => Choose([.. made.Where(variant => variant.Profile == profile.Name)], profile, path, work))];
    }

    private static IReadOnlyList<IQuantizationScheme> SchemesFor(HardwareProfile profile, ModelQuantization settings)
        => settings.Schemes.Count == 0 ? QuantizationSchemes.CandidatesFor(profile) : settings.Schemes;

    private ModelVariant Attempt(HardwareProfile profile, IQuantizationScheme scheme, QuantizationSource source, bool hasSamples, Work work)
    {
        var variant = new ModelVariant { Id = $"{profile.Name}-{scheme.Suffix}", Profile = profile.Name, Scheme = scheme.Name, Runtime = scheme.Runtime(profile.Runtime) };
        try
        {
            if (!hasSamples && scheme.CalibratedValues(source.Model.Graph).Count > 0) return variant with { Reasons = ["It needs calibration samples, and there are none."] };
            return Make(variant, profile, scheme, source, work);
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException or ArgumentException or IOException or ArithmeticException)
        {
            return variant with { Reasons = [e.Message] };
        }
    }

    private ModelVariant Make(ModelVariant variant, HardwareProfile profile, IQuantizationScheme scheme, QuantizationSource source, Work work)
    {
        var runtime = variant.Runtime.On(_machine.IsaFlags);
        double Missing(Fleet.Modeling.Onnx.Protos.ModelProto model)
        {
            using var candidate = OnnxRuntimeSession.Open(Google.Protobuf.MessageExtensions.ToByteArray(model), variant.Id, runtime);
            return work.Settings.MinimumSignalToNoise - work.Compare(candidate).SignalToNoise;
        }
        var ranking = new FirstFeeds(work.Validation, RankingSamples);
        var controlled = new AccuracyControl(scheme, source, candidate => AllOutputs.Of(candidate, ranking, work.CancellationToken).Values)
            .Quantize(0, Missing, work.CancellationToken);
        var file = Path.Combine(work.OutputFolder, variant.Id + ".onnx");
        OnnxFile.Save(controlled.Model, file);

        using var session = OnnxRuntimeSession.Open(file, runtime);
        var closeness = work.Compare(session);
        List<string> reasons = [.. controlled.Remarks(source.Calibrator)];
        if (!(closeness.SignalToNoise >= work.Settings.MinimumSignalToNoise))
            reasons.Insert(0, Text($"Signal to noise is {closeness.SignalToNoise:0.0} dB against the float model; at least {work.Settings.MinimumSignalToNoise:0.0} dB is required."));
        if (scheme is StaticInt8Scheme { Form.Symmetric: true })
            reasons.AddRange(TensorRtRules.ProblemsOf(controlled.Model) is { Count: > 0 } problems ? problems : ["Its structure follows TensorRT's rules; TensorRT itself was not run."]);

        var here = profile.Matches(_machine);
        if (here && FusionCheck.UnfusedOperatorsOf(file, runtime) is { Count: > 0 } unfused)
            reasons.Add($"The runtime computes in float, with weights dequantized at every run: {string.Join(", ", unfused)}.");
        var latency = here ? LatencyRun.Measure([work.Float, session], work.Validation, work.CancellationToken) : null;
        return variant with
        {
            File = Path.GetFileName(file),
            Bytes = new FileInfo(file).Length,
            Closeness = closeness,
            Latency = latency?[1],
            SpeedUp = latency is null ? null : latency[0].P50 / latency[1].P50,
            Accepted = closeness.SignalToNoise >= work.Settings.MinimumSignalToNoise,
            Reasons = reasons,
        };
    }

    /// <summary>
    /// Marks the variant to take: of this machine's profile the fastest that is faster than the float model, of another's the
    /// smallest; where none is accepted, or all are slower, the float model itself.
    /// </summary>
    private IEnumerable<ModelVariant> Choose(IReadOnlyList<ModelVariant> variants, HardwareProfile profile, string path, Work work)
    {
        var here = profile.Matches(_machine);
        var best = here
            ? variants.Where(variant => variant.Accepted && variant.SpeedUp >= 1).MaxBy(variant => variant.SpeedUp)
            : variants.Where(variant => variant.Accepted).MinBy(variant => variant.Bytes);
        foreach (var variant in variants) yield return variant with { Chosen = variant == best };
        if (best is not null) yield break;
        var id = $"{profile.Name}-fp32";
        var copy = Path.Combine(work.OutputFolder, id + ".onnx");
        OnnxFile.Save(OnnxFile.Load(path), copy);
        yield return new ModelVariant
        {
            Id = id,
            Profile = profile.Name,
            Scheme = "fp32",
            File = Path.GetFileName(copy),
            Bytes = new FileInfo(copy).Length,
            Runtime = profile.Runtime,
            Closeness = new Comparison(double.PositiveInfinity, 1, 1),
            SpeedUp = here ? 1 : null,
            Accepted = true,
            Chosen = true,
            Reasons = ["The float model itself: no variant is both close enough and faster."],
        };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What one call works with.</summary>
    private sealed record Work(InferenceSession Float, AllOutputs Reference, IFeedSource Validation, ModelQuantization Settings, string OutputFolder, CancellationToken CancellationToken)
    {
        public Comparison Compare(InferenceSession session) => Comparison.Of(AllOutputs.Of(session, Validation, CancellationToken), Reference);
    }
}
