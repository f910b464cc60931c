using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>A variant that was tried.</summary>
/// <param name="Report">What came of it; times are added when all are taken.</param>
/// <param name="Unfused">The runtime dequantizes its weights at every run without being meant to.</param>
/// <param name="Figure">What it was accepted or rejected by; null when it could not be made.</param>
internal sealed record Attempted(VariantReport Report, bool Unfused, MetricValue? Figure = null)
{
    /// <summary>True when its weights have four bits.</summary>
    public bool IsFourBit { get; init; }

    /// <summary>What its file names that it needs.</summary>
    public NeededSettings? Needed { get; init; }

    /// <summary>What was decided for it; null when it could not be made.</summary>
    public VariantRecipe? Recipe { get; init; }
}

/// <summary>
/// Variants of one scheme for profiles that agree in what the runtime is told: the model is made once, by accuracy control, and
/// written, checked for real fusion and timed for each.
/// </summary>
/// <param name="bench">What it is measured on.</param>
/// <param name="source">The float model, its histograms and samples.</param>
/// <param name="request">What was asked for.</param>
/// <param name="cancellationToken">Stops between runs of a model.</param>
internal sealed class Attempts(Bench bench, QuantizationSource source, VariantRequest request, CancellationToken cancellationToken)
{
    /// <summary>
    /// Samples that compare techniques and rank operators: as many as NNCF takes, fewer where each has many outputs and none follows from
    /// the one before.
    /// </summary>
    private const int MostRankingSamples = 300;

    /// <summary>Output values over which the power of an error is taken; of independent ones as many tell it to some percent.</summary>
    private const int RankingValues = 10_000;

    private const string Hopeless = "No layers were looked for that should return to float: weights rounded to 16 bits, and nothing else, "
        + "lose more than is allowed on these samples already. Effort thorough looks all the same.";

    private const string FourBitUntried = "Not tried: four-bit weights are taken for a goal of size, a limit of bytes, or where they are "
        + "measured to be faster, which effort fast leaves out. Effort balanced tries them.";

    private static string Outrun(Attempted by) => $"Not tried: it computes in float, and {by.Report.Id} is good enough and measured to be "
        + "faster. Effort balanced tries it.";

    private string TimeLimit => $"the time limit of {request.Deadline.Text}";

    private ControlledModel? _controlled;
    private Exception? _failure;

    /// <summary>True for weights of four bits that nobody asked for, where they are taken only if they turn out to be faster.</summary>
    public static bool LeavesOut(Wanted wanted, Bench bench, VariantRequest request)
        => wanted.Scheme.IsFourBit && !request.Settings.Effort.TriesFourBit && !bench.IsAboutSize(wanted.Profile)
            && request.Settings is { Schemes.Count: 0, Mixed: null } && request.Fixed is null;

    /// <summary>Most samples that compare techniques and rank operators.</summary>
    public static int RankingSamplesOf(Bench bench, Effort effort) => bench.Baseline.IsSequence
        ? MostRankingSamples
        : (int)Math.Clamp(
            RankingValues / Math.Max(1, bench.Baseline.ValuesPerSample), effort.FewestRankingSamples, MostRankingSamples);

    /// <summary>Makes and judges one of the variants; never lets its failure end the others.</summary>
    /// <param name="wanted">The variant.</param>
    /// <param name="before">What was tried for the same profile before it.</param>
    /// <param name="progress">Told what is done for it.</param>
    public Attempted Make(Wanted wanted, IEnumerable<Attempted> before, Progress progress)
    {
        progress.Report(0);
        var empty = new VariantReport
        {
            Id = wanted.Id,
            Profile = wanted.Profile.Name,
            Scheme = wanted.Scheme.Name,
            Runtime = wanted.Scheme.Runtime(wanted.Profile.Runtime),
            Accepted = false,
        };
        Attempted Failed(string reason) => new(empty with { Reasons = [reason] }, Unfused: false);
        try
        {
            if (wanted.Scheme is HeldScheme && wanted.Scheme.OperatorsOf(source.Model.Graph).Count == 0)
                return Failed(wanted.Scheme.Held(source.Model.Graph).Count > 0
                    ? "Nothing is left for it to quantize: all that it could stays float, as was asked for."
                    : "Nothing is left for it to quantize: no sample that judges reaches what it could.");
            if (LeavesOut(wanted, bench, request)) return Failed(FourBitUntried);
            if (CannotBeChosen(wanted) && before.FirstOrDefault(IsFaster) is { } faster) return Failed(Outrun(faster));
            // What is made for another profile costs no search.
            if (request.Deadline.HasPassed && _controlled is null && _failure is null)
                return Failed($"Not tried: {TimeLimit} had passed. Give it more (--time-limit, in a build spec quantization.timeLimit), or "
                    + "name fewer profiles or schemes.");
            return request.Calibration is null && wanted.Scheme.CalibratedValues(source.Model.Graph).Count > 0
                ? Failed("It needs calibration samples, and there are none.")
                : Judged(wanted, empty, request.Fixed is { } choices ? Again(wanted, choices) : Controlled(wanted, progress), progress);
        }
        catch (OperationCanceledException) when (request.Deadline.Ended(cancellationToken))
        {
            return Failed($"Not made: {TimeLimit} passed while its weights were rounded. Give it more (--time-limit, in a build spec "
                + "quantization.timeLimit), or name fewer profiles or schemes.");
        }
        catch (Exception e) when (IsOfTheModel(e))
        {
            // .NET adds the name of a parameter, which nobody gave.
            return Failed((e is ArgumentException { ParamName: { } parameter }
                ? e.Message.Replace($" (Parameter '{parameter}')", "", StringComparison.Ordinal) : e.Message).Trim());
        }
    }

    /// <summary>True for what computes in float, where nobody asked for it and the fastest that is good enough is what is wanted.</summary>
    private bool CannotBeChosen(Wanted wanted)
        => wanted.Scheme.ComputesInFloat && !request.Settings.Effort.TriesTheSlower
            && request.Settings is { Schemes.Count: 0, Mixed: null, Goal: QuantizationGoal.Latency } && request.Fixed is null
            && VariantChoice.Tighter(request.Settings.Budget, wanted.Profile.Budget) == new ProfileBudget();

    private bool IsFaster(Attempted other)
        => other.Report.Accepted && !other.Unfused && bench.Clock.SpeedOf(other.Report.Id)?.IsFasterThan(RelativeSpeed.Original) == true;

    private ControlledModel Again(Wanted wanted, FixedChoices choices)
        => choices.Make(wanted, source,
            model => bench.Compare(model, wanted.Scheme.Name, bench.SettingsOf(wanted), cancellationToken), cancellationToken);

    private static bool IsOfTheModel(Exception e)
        => e is InvalidDataException or OnnxRuntimeException or ArgumentException or IOException or ArithmeticException;

    /// <summary>The model, made for the first of the variants; what fails for it fails for all.</summary>
    private ControlledModel Controlled(Wanted wanted, Progress progress)
    {
        if (_failure is not null) throw new InvalidDataException(_failure.Message, _failure);
        try
        {
            return _controlled ??= UnderControl(wanted, progress);
        }
        catch (Exception e) when (IsOfTheModel(e))
        {
            _failure = e;
            throw;
        }
    }

    private ControlledModel UnderControl(Wanted wanted, Progress progress)
    {
        var settings = bench.SettingsOf(wanted);
        // Samples that fixed the ranges never leave them: what clipping costs shows on others alone.
        var ranking = new SpreadFeeds(
            new PickedFeeds(bench.Baseline.Samples, bench.Baseline.Split.Selection), RankingSamplesOf(bench, request.Settings.Effort));
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, request.Deadline.Token);
        return new AccuracyControl(
            wanted.Scheme, source with { Cancellation = limited.Token },
            session => AllOutputs.Of(session, ranking, cancellationToken).Values, what => progress.Report(0, what))
        {
            OtherCalibrators = request.Settings.Effort.OtherCalibrators ? Calibrators.All : [],
            MostBytes = bench.BudgetOf(wanted.Profile).MaximumBytes,
            Deadline = request.Deadline,
            Feeds = ranking,
            Detail = request.Settings.Effort.Ranking,
            TriesTogether = request.Settings.Effort.TriesTogether,
            MakesExactly = request.Settings.Effort.MakesExactly,
            Explains = () => request.Settings.Effort.ExplainsTheHopeless && bench.IsFirstHopeless(),
            // What rounds to 16 bits itself returns to 32.
            Least = request.Settings.Effort.TriesTheHopeless || wanted.Scheme.Whole is Float16Scheme
                ? null : () => bench.LeastLoss(source.Model, cancellationToken),
        }.Quantize(bench.SelectionLimit, bench.AimOf(wanted),
                model => bench.Compare(model, wanted.Scheme.Name, settings, cancellationToken), cancellationToken);
    }

    private Attempted Judged(Wanted wanted, VariantReport empty, ControlledModel made, Progress progress)
    {
        var (scheme, graph, settings) = (wanted.Scheme, source.Model.Graph, bench.SettingsOf(wanted));
        var file = Path.Combine(request.OutputFolder, wanted.Id + ".onnx");
        Save(made.Model, scheme, file);
        // The time of another target's form on this processor would say nothing.
        var here = bench.IsHere(wanted.Profile);
        var fused = request.Fixed is not null
            ? new FusedModel(made, [], here ? Unfused(wanted, file, settings) : [])
            : Shrunk(here ? Fused(made, wanted, file, settings) : new FusedModel(made, [], []), wanted, file, settings);
        progress.Report(0, "judging on the samples that chose nothing");
        var overfitting = new Overfitting(bench, wanted, source, settings, cancellationToken);
        var honest = request.Fixed is { } choices
            ? new ToldModel(made, bench.Tell(made.Model, scheme.Name, settings, cancellationToken), Overfitted: false,
                [choices.Compared(empty with { Artifact = Artifacts.Reference(file), Data = Artifacts.DataOf(file) })])
            : overfitting.Told(fused.Model, fused.Returned);
        if (!ReferenceEquals(honest.Model, fused.Model))
        {
            Save(honest.Model.Model, scheme, file);
            fused = fused with { Model = honest.Model, Left = here ? Unfused(wanted, file, settings) : [] };
        }
        var (judged, alarms) = (honest.Judged, (FalsePositives?)null);
        if (request.Threshold is { } threshold)
        {
            honest = WithOwn(honest, threshold, overfitting, scheme, file, settings);
            using var session = OnnxRuntimeSession.Open(file, settings);
            (judged, alarms) = (honest.Judged, threshold.Rate(session));
        }
        var isClose = judged.Loss <= bench.Limit;
        var objection = isClose ? FalseAlarmsOf(judged, alarms) ?? ObjectionTo(judged, file, settings) : null;
        var accepted = isClose && objection is null;
        var scores = new Scores { Metrics = judged.Figures, Samples = bench.Baseline.Split.Report.Count };
        if (here && (accepted || request.Settings.Effort.TimesTheRejected))
        {
            progress.Report(0, "timing");
            scores = bench.Measured(wanted.Id, file, settings, scores, cancellationToken);
        }
        var report = empty with
        {
            Artifact = Artifacts.Reference(file),
            Data = Artifacts.DataOf(file),
            Techniques = [
                .. scheme.CalibratedValues(graph).Count > 0 ? [$"{honest.Model.Calibrator.Name} calibration"] : Array.Empty<string>(),
                .. honest.Model.Techniques.Select(technique => technique.Name), .. scheme.Techniques,
            ],
            Scores = scores,
            Travelling = judged.Travelling is { } figures
                ? new Scores { Metrics = figures, Samples = bench.Baseline.Travelling!.Count }
                : null,
            Closeness = judged.Closeness,
            FalsePositives = alarms,
            Drop = bench.DropOf(judged),
            DropInterval = bench.DropIntervalOf(judged),
            Intervals = judged.Intervals,
            Overfitted = honest.Overfitted,
            AverageBits = BlockBits.AverageOf(honest.Model.Model),
            Selected = double.IsFinite(honest.Model.Judged.Figure.Value) ? honest.Model.Judged.Figure : null,
            Layers = LayerExplanation.Of(graph, scheme, fused.Model, fused.Returned, accepted, bench.DropOf(judged) is not null),
            Accepted = accepted,
            ReachesPastLimit = accepted && bench.ReachingPast(judged) is not null,
        };
        var mates = scheme.RoundsByBatch(graph) ? bench.MatesOf(honest.Model.Model, wanted.Id, settings, cancellationToken) : null;
        var subject = new ReasonsOf(report, judged, fused.Model, fused.Left, scheme)
        {
            Mates = mates,
            Objection = objection,
        };
        string[] cut = made.IsCutShort ? [$"The search for a closer one ended early: {TimeLimit} had passed."]
            : made.IsHopeless ? [Hopeless] : [];
        string[] ranges = wanted.Scheme.Whole is StaticInt8Scheme { Form.Symmetric: true } symmetric
            ? [WriteRanges(symmetric, wanted, honest.Model, fused.Returned)] : [];
        return new Attempted(report with { Reasons = [.. VariantReasons.Of(subject, source, bench), .. honest.Reasons, .. cut, .. ranges] },
            fused.Left.Length > 0, judged.Figure)
        {
            IsFourBit = scheme.IsFourBit,
            Needed = NeededSettings.Of(honest.Model.Model, scheme.Needs),
            Recipe = new VariantRecipe
            {
                Id = wanted.Id,
                Calibrator = honest.Model.Calibrator.Name,
                Techniques = [.. honest.Model.Techniques.Select(technique => technique.Name)],
                KeptFloat = [.. honest.Model.Returned.Select(one => one.Output).Concat(fused.Returned).Distinct()],
                Roughly = honest.Model.IsRough,
                InBytes = honest.Model.InBytes is { } names ? [.. names.Order()] : null,
                Sha256 = report.Artifact.Sha256,
            },
        };
    }

    /// <summary>
    /// Why a variant that may lose so much is of no use all the same; null where it is. What loses less than the float model surely gains
    /// needs no asking.
    /// </summary>
    private string? ObjectionTo(Judged judged, string file, RuntimeSettings settings)
    {
        if (request.Constant is not { } constant || bench.DropIntervalOf(judged)?.High < constant.LeastGain) return null;
        using var session = OnnxRuntimeSession.Open(file, settings);
        return constant.ObjectionTo(session);
    }

    /// <summary>The variant with a threshold of its own, judged again; as it is where there is none to move it to, which is said.</summary>
    private ToldModel WithOwn(ToldModel honest, OwnThreshold threshold, Overfitting overfitting, IQuantizationScheme scheme, string file,
        RuntimeSettings settings)
    {
        float end;
        using (var session = OnnxRuntimeSession.Open(file, settings)) end = threshold.End(session);
        var (moved, hindrance) = threshold.Moved(honest.Model.Model, end);
        if (moved is null) return honest with { Reasons = [.. honest.Reasons, $"It has the float model's threshold: {hindrance}"] };
        Save(moved, scheme, file);
        return overfitting.Again(honest, moved);
    }

    /// <summary>Why normal samples that it calls anomalies speak against a variant; null where they do not, and of other tasks.</summary>
    private string? FalseAlarmsOf(Judged judged, FalsePositives? alarms)
    {
        double? Rate(Judged of) => of.Figures.FirstOrDefault(figure => figure.Name == Metric.FalsePositiveRate.Name)?.Value;
        var drop = request.Settings.MaximumDrop;
        if (Rate(judged) is { } rate && Rate(bench.Baseline.Original) is { } original && request.HeldOut.Truth.Classes is { } labels)
            return OwnThreshold.ObjectionTo(rate, original, bench.Baseline.Split.Report.Count(place => labels[place] == 0), drop);
        return alarms is null || bench.FloatAlarms is not { } ofFloat ? null
            : OwnThreshold.ObjectionTo(alarms.Rate, ofFloat.Rate, alarms.Normal, drop);
    }

    /// <summary>
    /// Returns to float what the runtime would dequantize at every run anyway, so that no integers slow it down; what cannot be
    /// told by name, or costs accuracy to return, stays and is said.
    /// </summary>
    private FusedModel Fused(ControlledModel made, Wanted wanted, string file, RuntimeSettings settings)
    {
        if (wanted.Scheme.DequantizesWeights || FusionCheck.UnfusedNodesOf(file, settings) is not { Count: > 0 } unfused)
            return new FusedModel(made, [], []);
        var asItIs = new FusedModel(made, [], [.. unfused.Select(Nodes.Title)]);
        var operators = wanted.Scheme.OperatorsOf(source.Model.Graph);
        var returned = FusionCheck.Sources(unfused, operators, source.Model.Graph);
        var kept = made.Returned.Select(one => one.Output).Concat(returned).ToHashSet();
        // A model in which everything is float is the float model.
        if (returned.Count == 0 || kept.Count >= operators.Count) return asItIs;
        var model = made.Requantize(kept);
        var judged = bench.Compare(model, wanted.Scheme.Name, settings, cancellationToken);
        if (!(judged.Loss <= Math.Max(bench.SelectionLimit, made.Judged.Loss))) return asItIs;
        Save(model, wanted.Scheme, file);
        return new FusedModel(made with { Model = model, Judged = judged, IsRough = false }, returned, Unfused(wanted, file, settings));
    }

    /// <summary>Stores what stays float in fewer bytes where that costs nothing.</summary>
    private FusedModel Shrunk(FusedModel fused, Wanted wanted, string file, RuntimeSettings settings)
    {
        var smaller = new SmallerKept(
            wanted.Scheme, model => bench.Compare(model, wanted.Scheme.Name, settings, cancellationToken), cancellationToken)
            .Of(fused.Model, bench.SelectionLimit);
        if (ReferenceEquals(smaller, fused.Model)) return fused;
        Save(smaller.Model, wanted.Scheme, file);
        return fused with { Model = smaller };
    }

    /// <summary>Writes the ranges of the float model for TensorRT, and says what they are for.</summary>
    private string WriteRanges(StaticInt8Scheme scheme, Wanted wanted, ControlledModel made, IReadOnlyList<string> returned)
    {
        var kept = made.Returned.Select(one => one.Output).Concat(returned).Concat(wanted.Scheme.Held(source.Model.Graph)).ToHashSet();
        var scales = scheme.ScalesOf(source with { Calibrator = made.Calibrator }, kept, cancellationToken);
        File.WriteAllText(Path.Combine(request.OutputFolder, wanted.Id + ".calib"), TensorRtCache.Of(scales));
        return $"{wanted.Id}.calib has the ranges of {scales.Count} values of the float model, for TensorRT to choose by itself what "
            + "it computes in integers (trtexec --int8 --calib). No board has loaded it.";
    }

    /// <summary>Writes a variant with what it needs wherever it is loaded.</summary>
    private void Save(ModelProto made, IQuantizationScheme scheme, string file)
    {
        var model = StoredOnce.Of(made);
        NeededSettings.Of(model, scheme.Needs).WriteTo(model);
        OnnxFile.Save(model, file, request.LargestFile);
    }

    private static string[] Unfused(Wanted wanted, string file, RuntimeSettings settings)
        => wanted.Scheme.DequantizesWeights ? [] : [.. FusionCheck.UnfusedNodesOf(file, settings).Select(Nodes.Title)];

    /// <summary>A model as it ships to this machine.</summary>
    /// <param name="Model">The model.</param>
    /// <param name="Returned">First outputs of operators that were returned to float because the runtime does not fuse them.</param>
    /// <param name="Left">Operators that the runtime still computes in float.</param>
    private sealed record FusedModel(ControlledModel Model, IReadOnlyList<string> Returned, string[] Left);
}
