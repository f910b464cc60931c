using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Variants;

/// <summary>The variants of one profile beside the float model, with their times, and which of them to take.</summary>
/// <param name="profile">The profile.</param>
/// <param name="bench">What they were measured on.</param>
/// <param name="request">What was asked for.</param>
/// <param name="cancellationToken">Stops between runs of a model.</param>
internal sealed class Shortlist(HardwareProfile profile, Bench bench, VariantRequest request, CancellationToken cancellationToken)
{
    /// <summary>What the interval of <see cref="VariantReport.SpeedUp"/> is called.</summary>
    private const string SpeedUp = "speedUp";

    private readonly string _floatId = VariantMaker.FloatIdOf(profile);
    private readonly bool _here = bench.IsHere(profile);
    private readonly CostModel _costs = new(profile, bench.Timed);
    private readonly FloatFallback _float = new(profile, bench, request);
    private readonly EstimateCorrections _corrections = new(profile.Name, EstimateVersion.Of(profile), request.Measured);
    private double? _floatCost;

    private string FloatFile => Path.Combine(request.OutputFolder, _floatId + ".onnx");

    /// <summary>
    /// Times what else may be told of beside the variants: the model as it was given, where that is quantized already or may be the choice.
    /// All profiles are asked before one chooses, so that figures of one clock stand side by side.
    /// </summary>
    public void TimeOthers(IEnumerable<Attempted> tried)
    {
        if (!_here || request.Deadline.HasPassed) return;
        if (request.QuantizedPath is { } quantized && bench.Clock.SpeedOf(quantized) is null)
            bench.Time(quantized, quantized, OnnxRuntimeSession.Plain, cancellationToken);
        if (Decide([.. tried.Select(Timed)]).Decision.Chosen == _floatId) _float.Time(FloatFile, cancellationToken);
    }

    /// <summary>Marks what to take; the float model joins the variants where it is the choice.</summary>
    public IEnumerable<VariantReport> Choose(IEnumerable<Attempted> tried)
    {
        Attempted[] made = [.. tried];
        _floatCost = _here || !made.Any(IsToBeTimed) ? null : _costs.CostOf(bench.FloatFile, profile.Runtime, cancellationToken);
        Attempted[] timed = [.. made.Select(Timed)];
        var (decision, alone) = Decide(timed);
        return [
            .. timed.Select(attempted => Decided(attempted, decision, [.. timed.Select(one => one.Report)])),
            .. decision.Chosen == _floatId ? [FloatVariant(alone)] : Array.Empty<VariantReport>(),
        ];
    }

    /// <summary>What to take by the times that there are, and whether there is nothing beside the float model.</summary>
    private (VariantDecision Decision, bool FloatAlone) Decide(IReadOnlyList<Attempted> timed)
    {
        Candidate[] candidates = [
            .. timed.Where(attempted => attempted.Report is { Artifact: not null }).Select(CandidateOf), FloatCandidate(),
        ];
        var decision = AsFixed(VariantChoice.Decide(
            candidates, request.Settings.Goal, VariantChoice.Tighter(request.Settings.Budget, profile.Budget)), candidates,
            [.. timed.Select(attempted => attempted.Report.Id), _floatId]);
        return (decision, candidates.Length == 1);
    }

    /// <summary>The choice of a recipe in the place of one by what was measured.</summary>
    private VariantDecision AsFixed(VariantDecision decision, IReadOnlyList<Candidate> candidates, string[] tried)
    {
        if (request.Fixed is not { } choices) return decision;
        var chosen = choices.ChosenOf(tried);
        var why = chosen is null ? "the recipe takes none."
            : candidates.Any(candidate => candidate.Id == chosen) ? $"the recipe takes {chosen}."
            : $"the recipe takes {chosen}, which could not be made.";
        return decision with
        {
            Chosen = chosen,
            Untold = null,
            AsksDevices = false,
            NotChosen = candidates.Where(candidate => candidate.Id != chosen)
                .ToDictionary(candidate => candidate.Id, _ => why),
        };
    }

    private bool IsToBeTimed(Attempted attempted) => attempted.Report.Accepted || request.Settings.Effort.TimesTheRejected;

    /// <summary>Times are told once all are taken, by one clock; what is not of this machine has an estimate.</summary>
    private Attempted Timed(Attempted attempted) => attempted.Report is not { Scores: { } scores, Artifact: { } file } report
        ? attempted
        : attempted with
        {
            Report = Estimated(report with
            {
                Scores = Bench.WithTime(scores, bench.Clock.Of(report.Id)),
                SpeedUp = bench.Clock.SpeedOf(report.Id)?.Value,
                SpeedUpInterval = bench.Clock.SpeedOf(report.Id) is { } speed
                    ? new MetricInterval(SpeedUp, speed.Low, speed.High)
                    : null,
                Batch = BatchOf(report.Id),
            }, IsToBeTimed(attempted) && _floatCost is { } whole
                ? whole / _costs.CostOf(Path.Combine(request.OutputFolder, file.Name), report.Runtime, cancellationToken)
                : null),
        };

    /// <summary>With an estimate of its speed, corrected where enough devices measured variants of its kind.</summary>
    /// <param name="report">The variant.</param>
    /// <param name="byOperators">The estimate by counting operators; null where there is none.</param>
    private VariantReport Estimated(VariantReport report, double? byOperators)
    {
        if (byOperators is not { } counted) return report;
        var estimated = report with { EstimatedSpeedUp = counted, EstimatedBy = EstimateVersion.Of(profile) };
        if (_corrections.Of(report.Scheme) is not { } correction)
            return _corrections.WhyNot(report.Scheme) is { } why ? estimated with { Reasons = [.. report.Reasons, why] } : estimated;
        var refinement = new EstimateRefinement(counted, correction.Factor, correction.Devices, correction.Cohorts);
        return estimated with
        {
            EstimatedSpeedUp = counted * correction.Factor,
            Refinement = refinement,
            Reasons = [.. report.Reasons, VariantReasons.Refined(refinement, report.Scheme, profile.Name)],
        };
    }

    /// <summary>How a variant runs on whole batches; null where that was not timed.</summary>
    private BatchTiming? BatchOf(string id) => bench.BatchClock.SpeedOf(id) is not { } speed ? null
        : new BatchTiming(bench.Baseline.Batch, bench.BatchClock.Of(id)!, speed.Value, new MetricInterval(SpeedUp, speed.Low, speed.High));

    private VariantReport Decided(Attempted attempted, VariantDecision decision, IReadOnlyList<VariantReport> all)
    {
        var report = attempted.Report;
        string[] reasons = decision.OverBudget.TryGetValue(report.Id, out var excess) ? [excess, .. report.Reasons]
            : report.Accepted && decision.NotChosen.TryGetValue(report.Id, out var why) ? [.. report.Reasons, $"Not chosen: {why}"]
            : [.. report.Reasons];
        var accepted = report.Accepted && excess is null;
        if (decision.Chosen == report.Id)
        {
            string?[] more = [
                PlainOf(attempted), decision.Untold, decision.AsksDevices ? VariantReasons.AskDevices(profile.Name) : null,
                report.ReachesPastLimit ? SurelyWithin(all) : bench.LackingOf(report), OrtOf(report.Runtime, report.Id),
            ];
            reasons = [.. reasons, .. more.OfType<string>()];
        }
        return report with
        {
            Accepted = accepted,
            Chosen = accepted && decision.Chosen == report.Id,
            Dominated = accepted && !decision.Front.Contains(report.Id),
            Reasons = reasons,
        };
    }

    /// <summary>Which variants hold the limit with their whole interval; null where none does.</summary>
    private string? SurelyWithin(IReadOnlyList<VariantReport> all)
    {
        string[] sure = [
            .. all.Where(one => one is { Accepted: true, ReachesPastLimit: false } && HasInterval(one)).OrderBy(one => one.Bytes)
                .Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Id} ({one.Bytes:N0} bytes)")),
        ];
        return sure.Length == 0 ? null : $"The whole interval of {VariantReasons.Named(sure)} holds that limit.";
    }

    private bool HasInterval(VariantReport report)
        => (report.Drop is null ? report.Intervals.FirstOrDefault(one => one.Name == bench.Baseline.Original.Figure.Name)
            : report.DropInterval) is not null;

    /// <summary>What came of writing the variant to take in ORT format; null where nobody asked for that.</summary>
    private string? OrtOf(RuntimeSettings runtime, string id) => !request.Settings.InOrtFormat ? null
        : _here ? bench.WriteOrt(runtime, Path.Combine(request.OutputFolder, id + ".onnx"), cancellationToken)
        : OrtFormat.OnlyHere;

    /// <summary>What becomes of the variant to take where nobody sets what it needs; null where it needs nothing.</summary>
    private string? PlainOf(Attempted attempted)
    {
        if (attempted is not { Report: { Artifact: { } file } report, Needed: { } needed }) return null;
        if (_here && !request.Deadline.HasPassed)
            return bench.PlainOf(report, Path.Combine(request.OutputFolder, file.Name), needed, cancellationToken);
        return PlainRuntime.NeededOf(report.Runtime, needed) is { Count: > 0 } settings ? PlainRuntime.Untold(settings) : null;
    }

    private Candidate CandidateOf(Attempted attempted)
    {
        var report = attempted.Report;
        return new Candidate(report.Id, report.Bytes!.Value,
            attempted.Figure ?? throw new InvalidOperationException($"{report.Id} has a file and was not judged."))
        {
            Speed = bench.BatchClock.SpeedOf(report.Id) ?? bench.Clock.SpeedOf(report.Id)
                ?? (report.EstimatedSpeedUp is { } estimate ? RelativeSpeed.Estimated(estimate) : null),
            IsRefined = report.Refinement is not null,
            Scatter = report.DropInterval is { } lost ? (lost.High - lost.Low) / 2 : 0,
            SignalToNoise = attempted.Figure.Name == Metric.SignalToNoise.Name ? null : report.Closeness?.SignalToNoise,
            LatencyP95 = report.Scores?.Latency?.P95,
            MemoryBytes = report.Scores?.PeakMemoryBytes,
            Collapse = report.Accepted ? null : report.Reasons[0],
            Unfused = attempted.Unfused,
            IsFourBit = attempted.IsFourBit,
        };
    }

    private Candidate FloatCandidate()
    {
        var scores = bench.Float(_here, cancellationToken);
        return new Candidate(_floatId, _float.Bytes, bench.Baseline.Original.Figure)
        {
            IsFloat = true,
            GivenBytes = _float.GivenBytes,
            Quantized = request.QuantizedPath is { } path ? new QuantizedAlready(OnnxFile.BytesOf(path), SpeedOfQuantized(path)) : null,
            Speed = RelativeSpeed.Original,
            LatencyP95 = scores.Latency?.P95,
            MemoryBytes = scores.PeakMemoryBytes,
        };
    }

    /// <summary>How fast the quantized model that was given is beside the float one made of it; null where that could not be had.</summary>
    private RelativeSpeed? SpeedOfQuantized(string path) => bench.Clock.SpeedOf(path)
        ?? (_floatCost is { } whole && _costs.CostOf(path, profile.Runtime, cancellationToken) is { } cost
            ? RelativeSpeed.Estimated(whole / cost) : null);

    /// <summary>The float model as a variant.</summary>
    /// <param name="alone">True where no variant was made that it could be compared with.</param>
    private VariantReport FloatVariant(bool alone)
    {
        var file = FloatFile;
        var (isGiven, reasons) = _float.Write(file);
        // What is told of the prepared model is not told of the given one, which was timed by itself or not at all.
        var scores = bench.Float(_here && !isGiven, cancellationToken);
        var speed = isGiven ? bench.Clock.SpeedOf(_floatId) : _here ? RelativeSpeed.Original : null;
        if (isGiven && _here) scores = Bench.WithTime(bench.CostsOf(scores, file, cancellationToken), bench.Clock.Of(_floatId));
        var data = Artifacts.DataOf(file);
        return new VariantReport
        {
            Id = _floatId,
            Profile = profile.Name,
            Scheme = VariantMaker.FloatScheme,
            Artifact = Artifacts.Reference(file),
            Data = data,
            Runtime = NeededSettings.Unguarded(profile.Runtime),
            Scores = scores,
            Travelling = bench.Baseline.Original.Travelling is { } figures
                ? new Scores { Metrics = figures, Samples = bench.Baseline.Travelling!.Count }
                : null,
            Closeness = bench.Baseline.Original.Closeness,
            FalsePositives = request.Threshold?.Rate(bench.Baseline.Session),
            Drop = bench.DropOf(bench.Baseline.Original),
            SpeedUp = speed?.Value,
            SpeedUpInterval = speed is null || !isGiven ? null : new MetricInterval(SpeedUp, speed.Low, speed.High),
            Accepted = true,
            Chosen = true,
            Reasons = [
                alone ? "The float model itself: no variant was made."
                    : "The float model itself: no variant is both good enough and better by the goal.",
                .. data is null ? Array.Empty<string>() : [VariantReasons.InTwoFiles(data)],
                .. reasons,
                .. OrtOf(NeededSettings.Unguarded(profile.Runtime), _floatId) is { } other ? [other] : Array.Empty<string>(),
            ],
        };
    }
}
