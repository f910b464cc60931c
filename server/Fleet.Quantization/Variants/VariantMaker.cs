using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>The variants of a model and what was measured of the float model beside them.</summary>
/// <param name="Original">The float model.</param>
/// <param name="Variants">Every variant tried, the rejected ones included; the float model among them where it is the choice.</param>
internal sealed record MadeVariants(Scores Original, IReadOnlyList<VariantReport> Variants);

/// <summary>
/// Makes the variants of a float model for every profile, of a student as of a model of one's own: each scheme with accuracy
/// control, judged by labels or, without them, by closeness to the float model, checked for real fusion, timed against the float
/// model where the profile is this machine's; then one is chosen for each profile. A variant that cannot be made or misses its
/// budget is reported as rejected with the reason; a profile for which nothing is good gets the float model itself.
/// </summary>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
/// <param name="energy">Measures energy; this machine's meter when left out.</param>
internal sealed class VariantMaker(DeviceFacts? machine = null, EnergyMeter? energy = null)
{
    private readonly DeviceFacts _machine = machine ?? ThisMachine.Facts;
    private readonly EnergyMeter? _energy = energy ?? EnergyMeter.OfThisMachine;

    /// <summary>Scheme of a variant that is the float model itself.</summary>
    public const string FloatScheme = "fp32";

    /// <summary>Samples that compare techniques and rank operators: as many as NNCF takes, fewer where each has many outputs and none follows from the one before.</summary>
    private const int MostRankingSamples = 300, FewestRankingSamples = 16;

    /// <summary>Output values over which the power of an error is taken; of independent ones as many tell it to some percent.</summary>
    private const int RankingValues = 10_000;

    /// <summary>Samples on which the prepared model must answer as the given one.</summary>
    private const int ConfirmingSamples = 4;

    /// <summary>Folding changes the order of sums, which stays above this; a wrong rewrite falls far below it.</summary>
    private const double SmallestPreparedSignalToNoise = 60;

    /// <summary>Most samples in one run while ranges are taken.</summary>
    private const int CalibrationBatch = 32;

    /// <summary>Makes all variants.</summary>
    /// <param name="path">The float model.</param>
    /// <param name="calibration">Samples that fix the ranges of activations; null leaves only schemes that need none.</param>
    /// <param name="heldOut">Samples that judge.</param>
    /// <param name="settings">Profiles, schemes, limits, goal.</param>
    /// <param name="outputFolder">Where the files <c>ID.onnx</c> go.</param>
    /// <param name="progress">Told each step, with the share of this work from 0 to 1.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The float model itself cannot be used, or does not take the samples.</exception>
    public MadeVariants Make(
        string path, IFeedSource? calibration, HeldOut heldOut, VariantSettings settings, string outputFolder,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(outputFolder);
        progress.Report(new BuildProgress("Preparing the model", 0));
        var prepared = PreparedModel.From(path, outputFolder);
        var floatFile = Path.Combine(outputFolder, FloatScheme + ".onnx");
        try
        {
            OnnxFile.Save(prepared.Model, floatFile);
            return Make(path, floatFile, prepared, calibration, heldOut, settings, outputFolder, progress, cancellationToken);
        }
        finally
        {
            File.Delete(floatFile);
        }
    }

    private MadeVariants Make(
        string path, string floatFile, PreparedModel prepared, IFeedSource? calibration, HeldOut heldOut, VariantSettings settings, string outputFolder,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        using var baseline = Baseline.Measure(floatFile, heldOut.Samples, heldOut.Labels, cancellationToken);
        Confirm(path, floatFile, heldOut.Samples, cancellationToken);

        var wanted = settings.Profiles.SelectMany(profile => CandidatesOf(profile, settings)).Where(candidate => settings.Schemes.Count > 0 || candidate.Scheme.Suits(prepared.Graph)).ToArray();
        progress.Report(new BuildProgress("Calibrating", 0.05));
        string[] values = [.. wanted.SelectMany(candidate => candidate.Scheme.CalibratedValues(prepared.Graph)).Distinct()];
        var histograms = calibration is null
            ? new Dictionary<string, Histogram>()
            : CalibrationRun.Count(prepared.Model, values, calibration, Math.Min(CalibrationBatch, baseline.BatchSize), cancellationToken);
        var quantization = new QuantizationSource(prepared, histograms, settings.Calibrator) { Samples = calibration, BatchSize = Math.Min(CalibrationBatch, baseline.BatchSize) };
        var sample = Path.Combine(outputFolder, "sample.npz");
        using var work = new Work(floatFile, PeakMemory.WriteSample(heldOut.Samples, sample) ? sample : null, baseline, quantization, calibration, settings, outputFolder, cancellationToken);

        var made = new Attempted[wanted.Length];
        var begun = 0;
        foreach (var alike in wanted.Index().GroupBy(one => (one.Item.Scheme, Settings: SettingsOf(one.Item), Aim: work.Aim(one.Item))))
        {
            Action<string> say = _ => { };
            // Made for the first of them; what fails for it fails for all.
            var controlled = new Lazy<ControlledModel>(() => Controlled(alike.First().Item, alike.Key.Aim, work, what => say(what)));
            foreach (var (index, candidate) in alike)
            {
                var share = 0.2 + 0.8 * begun++ / wanted.Length;
                void Say(string what) => progress.Report(new BuildProgress($"Making {candidate.Id}{what}", share));
                Say("");
                say = what => Say($": {what}");
                made[index] = Attempt(candidate, work, controlled, say);
            }
        }
        if (work.Original is null && settings.Profiles.Any(profile => profile.Matches(_machine)))
            work.Original = Measured(Unmeasured(baseline) with { Latency = LatencyRun.Measure([baseline.Session], baseline.Samples, cancellationToken)[0] }, floatFile, baseline.Session, OnnxRuntimeSession.Plain, work);
        var reports = settings.Profiles.SelectMany(profile => Choose(profile, [.. made.Where(attempted => attempted.Report.Profile == profile.Name)], work)).ToList();
        progress.Report(new BuildProgress("Variants made", 1));
        return new MadeVariants(work.Original ?? Unmeasured(baseline), reports);
    }

    /// <summary>
    /// Shows that the prepared model, which everything is compared with, timed against and shipped as the float model, answers as
    /// the given one. It is the fair reference and the better file: one that lists its weights as inputs runs at a third of its speed.
    /// </summary>
    private static void Confirm(string given, string prepared, IFeedSource samples, CancellationToken cancellationToken)
    {
        var few = new FirstFeeds(samples, ConfirmingSamples);
        using var original = OnnxRuntimeSession.Open(given);
        using var session = OnnxRuntimeSession.Open(prepared);
        double Closeness(InferenceSession one, InferenceSession other) => Comparison.Of(AllOutputs.Of(one, few, cancellationToken), AllOutputs.Of(other, few, cancellationToken)).SignalToNoise;
        if (Closeness(session, original) is var decibels && decibels >= SmallestPreparedSignalToNoise) return;
        throw Closeness(original, original) < SmallestPreparedSignalToNoise
            ? new InvalidDataException($"{Path.GetFileName(given)} answers the same samples differently each time, as models do that draw random numbers; variants could not be compared with it. Export it for inference.")
            : new InvalidDataException(Text($"{Path.GetFileName(given)} answers differently once its constants are folded ({decibels:0.0} dB of signal to noise); quantized files would be judged by the wrong model. Export it again with a newer operator set."));
    }

    private static IEnumerable<Wanted> CandidatesOf(HardwareProfile profile, VariantSettings settings)
    {
        IQuantizationScheme[] schemes = [.. settings.Schemes.Count == 0 ? QuantizationSchemes.CandidatesFor(profile) : settings.Schemes, .. settings.Trained.Where(trained => trained.Profile == profile.Name).Select(trained => trained.Scheme)];
        var shared = schemes.GroupBy(scheme => scheme.Suffix).Where(group => group.Count() > 1).Select(group => group.Key).ToHashSet();
        return schemes.Select(scheme => new Wanted($"{profile.Name}-{(shared.Contains(scheme.Suffix) ? scheme.Name : scheme.Suffix)}", profile, scheme));
    }

    /// <summary>What the runtime is told when this machine judges a variant, as text: profiles that agree in it share a scheme's model.</summary>
    private string SettingsOf(Wanted wanted)
    {
        var here = HereOf(wanted);
        return string.Join(' ', here.SessionEntries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}").Append(Text($"{here.IntraOpThreads}")));
    }

    private RuntimeSettings HereOf(Wanted wanted) => wanted.Scheme.Runtime(wanted.Profile.Runtime).On(_machine.IsaFlags);

    /// <summary>Never lets one variant's failure end the others.</summary>
    private Attempted Attempt(Wanted wanted, Work work, Lazy<ControlledModel> controlled, Action<string> say)
    {
        var empty = new VariantReport { Id = wanted.Id, Profile = wanted.Profile.Name, Scheme = wanted.Scheme.Name, Runtime = wanted.Scheme.Runtime(wanted.Profile.Runtime), Accepted = false };
        Attempted Failed(string reason) => new(empty with { Reasons = [reason] }, Unfused: false);
        try
        {
            return work.Calibration is null && wanted.Scheme.CalibratedValues(work.Source.Model.Graph).Count > 0
                ? Failed("It needs calibration samples, and there are none.")
                : Make(wanted, empty, work, controlled.Value, say);
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException or ArgumentException or IOException or ArithmeticException)
        {
            return Failed(e.Message.Trim());
        }
    }

    private ControlledModel Controlled(Wanted wanted, double aim, Work work, Action<string> say)
    {
        var here = HereOf(wanted);
        // Samples that fixed the ranges never leave them: what clipping costs shows on others alone.
        var enough = work.Baseline.IsSequence ? MostRankingSamples : Math.Clamp(RankingValues / Math.Max(1, work.Baseline.ValuesPerSample), FewestRankingSamples, MostRankingSamples);
        var ranking = new SpreadFeeds(work.Baseline.Samples, (int)enough);
        return new AccuracyControl(wanted.Scheme, work.Source, session => AllOutputs.Of(session, ranking, work.CancellationToken).Values, say)
            .Quantize(work.Limit, aim, model => work.Judge(model, wanted.Scheme.Name, here), work.CancellationToken);
    }

    private Attempted Make(Wanted wanted, VariantReport empty, Work work, ControlledModel controlled, Action<string> say)
    {
        var (scheme, source, here) = (wanted.Scheme, work.Source, HereOf(wanted));
        var file = Path.Combine(work.OutputFolder, wanted.Id + ".onnx");
        OnnxFile.Save(controlled.Model, file);
        var timed = wanted.Profile.Matches(_machine);
        (controlled, var unfused, var stillUnfused) = timed ? Fused(controlled, wanted, file, here, work) : (controlled, [], []);

        var judged = controlled.Judged;
        if (timed) say("timing");
        // The time of another target's form on this processor would be no claim about anything.
        using var session = timed ? OnnxRuntimeSession.Open(file, here) : null;
        (LatencySummary Float, LatencySummary Variant)? latency = session is not null ? work.Baseline.LatencyAgainst(session, work.CancellationToken) : null;
        if (latency is { Float: var ofFloat }) work.Original ??= Measured(Unmeasured(work.Baseline) with { Latency = ofFloat }, work.Path, work.Baseline.Session, OnnxRuntimeSession.Plain, work);
        var accepted = judged.Loss <= work.Limit;
        var scores = new Scores { Accuracy = judged.Accuracy, Agreement = judged.Closeness.Agreement, Latency = latency?.Variant, Samples = work.Baseline.Samples.Count };
        var report = empty with
        {
            Artifact = Artifacts.Reference(file),
            Techniques = [.. scheme.CalibratedValues(source.Model.Graph).Count > 0 ? [$"{controlled.Calibrator.Name} calibration"] : Array.Empty<string>(), .. controlled.Steps.Select(step => step.Name), .. scheme.Techniques],
            Scores = session is not null ? Measured(scores, file, session, here, work) : scores,
            Closeness = judged.Closeness,
            Drop = judged.Drop,
            SpeedUp = latency is { } both ? both.Float.P50 / both.Variant.P50 : null,
            Layers = LayerExplanation.Of(source.Model.Graph, scheme, controlled, unfused, accepted, judged.Drop is not null),
            Accepted = accepted,
        };
        return new Attempted(report with { Reasons = [.. VariantReasons.Of(report, judged, controlled, stillUnfused, scheme, work.Source, work.Settings, work.Baseline.Bytes)] }, stillUnfused.Count > 0);
    }

    /// <summary>Adds what running on this machine takes beside time.</summary>
    private Scores Measured(Scores scores, string file, InferenceSession session, RuntimeSettings here, Work work) => scores with
    {
        PeakMemoryBytes = work.Sample is { } sample ? PeakMemory.Of(file, sample, here) : null,
        EnergyJoules = _energy?.PerInference(session, work.Baseline.Samples, work.CancellationToken),
    };

    private static Scores Unmeasured(Baseline baseline) => new() { Accuracy = baseline.Accuracy, Agreement = 1, Samples = baseline.Samples.Count };

    /// <summary>
    /// Returns to float what the runtime would dequantize at every run anyway, so that no integers slow it down; what cannot be
    /// told by name, or costs accuracy to return, stays and is said.
    /// </summary>
    private static (ControlledModel Model, IReadOnlyList<string> Returned, IReadOnlyList<string> Left) Fused(
        ControlledModel controlled, Wanted wanted, string file, RuntimeSettings here, Work work)
    {
        if (wanted.Scheme.DequantizesWeights || FusionCheck.UnfusedNodesOf(file, here) is not { Count: > 0 } unfused) return (controlled, [], []);
        var graph = work.Source.Model.Graph;
        var operators = wanted.Scheme.OperatorsOf(graph);
        var returned = FusionCheck.Sources(unfused, operators, graph);
        var kept = controlled.Returned.Select(one => one.Output).Concat(returned).ToHashSet();
        // A model in which everything is float is the float model.
        if (returned.Count == 0 || kept.Count >= operators.Count) return (controlled, [], [.. unfused.Select(Nodes.Title)]);
        var model = controlled.Requantize(kept);
        var judged = work.Judge(model, wanted.Scheme.Name, here);
        if (!(judged.Loss <= Math.Max(work.Limit, controlled.Judged.Loss))) return (controlled, [], [.. unfused.Select(Nodes.Title)]);
        OnnxFile.Save(model, file);
        return (controlled with { Model = model, Judged = judged }, returned, [.. FusionCheck.UnfusedNodesOf(file, here).Select(Nodes.Title)]);
    }

    /// <summary>Marks what to take for a profile; the float model joins the variants where it is the choice.</summary>
    private IEnumerable<VariantReport> Choose(HardwareProfile profile, IReadOnlyList<Attempted> made, Work work)
    {
        var here = profile.Matches(_machine);
        var floatId = $"{profile.Name}-{FloatScheme}";
        Candidate[] candidates =
        [
            .. made.Where(attempted => attempted.Report is { Artifact: not null }).Select(attempted => CandidateOf(attempted.Report, attempted.Unfused)),
            new Candidate(floatId, work.Baseline.Bytes, work.Baseline.Accuracy ?? Closeness.Exact) { IsFloat = true, Speed = here ? 1 : null, LatencyP95 = here ? work.Original?.Latency?.P95 : null, MemoryBytes = here ? work.Original?.PeakMemoryBytes : null },
        ];
        var decision = VariantChoice.Decide(candidates, work.Settings.Goal, VariantChoice.Tighter(work.Settings.Budget, profile.Budget));
        var front = decision.Front.ToHashSet();
        foreach (var (report, _) in made)
        {
            string[] reasons = decision.OverBudget.TryGetValue(report.Id, out var excess) ? [excess, .. report.Reasons]
                : report.Accepted && decision.NotChosen.TryGetValue(report.Id, out var why) ? [.. report.Reasons, $"Not chosen: {why}"]
                : [.. report.Reasons];
            var accepted = report.Accepted && excess is null;
            yield return report with { Accepted = accepted, Chosen = decision.Chosen == report.Id, Dominated = accepted && !front.Contains(report.Id), Reasons = reasons };
        }
        if (decision.Chosen == floatId) yield return FloatVariant(profile, floatId, here, work);
    }

    private static Candidate CandidateOf(VariantReport report, bool unfused)
        => new(report.Id, report.Artifact!.Bytes, report.Scores?.Accuracy ?? report.Closeness?.SignalToNoise ?? double.NegativeInfinity)
        {
            Speed = report.SpeedUp,
            LatencyP95 = report.Scores?.Latency?.P95,
            MemoryBytes = report.Scores?.PeakMemoryBytes,
            Collapse = report.Accepted ? null : report.Reasons[0],
            Unfused = unfused,
        };

    private static VariantReport FloatVariant(HardwareProfile profile, string id, bool here, Work work)
    {
        var file = Path.Combine(work.OutputFolder, id + ".onnx");
        OnnxFile.Save(OnnxFile.Load(work.Path), file);
        return new VariantReport
        {
            Id = id,
            Profile = profile.Name,
            Scheme = FloatScheme,
            Artifact = Artifacts.Reference(file),
            Runtime = profile.Runtime,
            Scores = here && work.Original is { } measured ? measured : Unmeasured(work.Baseline),
            Closeness = new Closeness(Closeness.Exact, 1, 1),
            Drop = work.Baseline.Accuracy is null ? null : 0,
            SpeedUp = here ? 1 : null,
            Accepted = true,
            Chosen = true,
            Reasons = ["The float model itself: no variant is both good enough and better by the goal."],
        };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A variant to make.</summary>
    private sealed record Wanted(string Id, HardwareProfile Profile, IQuantizationScheme Scheme);

    /// <summary>A variant that was tried.</summary>
    private sealed record Attempted(VariantReport Report, bool Unfused);

    /// <summary>What one call works with.</summary>
    private sealed record Work(
        string Path, string? Sample, Baseline Baseline, QuantizationSource Source, IFeedSource? Calibration, VariantSettings Settings, string OutputFolder, CancellationToken CancellationToken) : IDisposable
    {
        /// <summary>The float model's figures, once something was timed beside it.</summary>
        public Scores? Original { get; set; }

        public void Dispose()
        {
            if (Sample is not null) File.Delete(Sample);
        }

        /// <summary>The largest loss that is accepted, in the unit of <see cref="Judged.Loss"/>.</summary>
        public double Limit => Baseline.Accuracy is null ? -Settings.MinimumSignalToNoise : Settings.MaximumDrop;

        /// <summary>Compares a model with the float one.</summary>
        public Judged Judge(ModelProto model, string name, RuntimeSettings here)
        {
            using var session = OnnxRuntimeSession.Open(model.ToByteArray(), name, here);
            return Baseline.Judge(session, CancellationToken);
        }

        /// <summary>The loss that a variant's scheme tries to reach; the limit where bytes are what counts.</summary>
        public double Aim(Wanted wanted) => Baseline.Accuracy is null && wanted.Scheme.Aim is { } decibels && Settings.Goal != QuantizationGoal.Size && (Settings.Budget.MaximumBytes ?? wanted.Profile.Budget?.MaximumBytes) is null
            ? Math.Min(Limit, -decibels) : Limit;
    }
}
