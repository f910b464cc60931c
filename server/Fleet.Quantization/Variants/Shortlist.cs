using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Variants;

/// <summary>The variants of one profile beside the float model, with their times, and which of them to take.</summary>
/// <param name="profile">The profile.</param>
/// <param name="bench">What they were measured on.</param>
/// <param name="request">What was asked for.</param>
/// <param name="cancellationToken">Stops between runs of a model.</param>
internal sealed class Shortlist(HardwareProfile profile, Bench bench, VariantRequest request, CancellationToken cancellationToken)
{
    private readonly string _floatId = $"{profile.Name}-{VariantMaker.FloatScheme}";
    private readonly bool _here = bench.IsHere(profile);

    /// <summary>Marks what to take; the float model joins the variants where it is the choice.</summary>
    public IEnumerable<VariantReport> Choose(IEnumerable<Attempted> tried)
    {
        Attempted[] timed = [.. tried.Select(Timed)];
        Candidate[] candidates = [
            .. timed.Where(attempted => attempted.Report is { Artifact: not null }).Select(CandidateOf), FloatCandidate(),
        ];
        var decision = VariantChoice.Decide(
            candidates, request.Settings.Goal, VariantChoice.Tighter(request.Settings.Budget, profile.Budget));
        return [
            .. timed.Select(attempted => Decided(attempted.Report, decision)),
            .. decision.Chosen == _floatId ? [FloatVariant()] : Array.Empty<VariantReport>(),
        ];
    }

    /// <summary>Times are told once all are taken, by one clock.</summary>
    private Attempted Timed(Attempted attempted) => attempted.Report.Scores is not { } scores ? attempted : attempted with
    {
        Report = attempted.Report with
        {
            Scores = Bench.WithTime(scores, bench.Clock.Of(attempted.Report.Id)),
            SpeedUp = bench.Clock.SpeedUpOf(attempted.Report.Id),
        },
    };

    private VariantReport Decided(VariantReport report, VariantDecision decision)
    {
        string[] reasons = decision.OverBudget.TryGetValue(report.Id, out var excess) ? [excess, .. report.Reasons]
            : report.Accepted && decision.NotChosen.TryGetValue(report.Id, out var why) ? [.. report.Reasons, $"Not chosen: {why}"]
            : [.. report.Reasons];
        var accepted = report.Accepted && excess is null;
        if (decision.Chosen == report.Id && bench.LackingOf(report) is { } lacking) reasons = [.. reasons, lacking];
        return report with
        {
            Accepted = accepted,
            Chosen = decision.Chosen == report.Id,
            Dominated = accepted && !decision.Front.Contains(report.Id),
            Reasons = reasons,
        };
    }

    private static Candidate CandidateOf(Attempted attempted)
    {
        var report = attempted.Report;
        return new Candidate(report.Id, report.Bytes!.Value,
            attempted.Figure ?? throw new InvalidOperationException($"{report.Id} has a file and was not judged."))
        {
            Speed = report.SpeedUp,
            LatencyP95 = report.Scores?.Latency?.P95,
            MemoryBytes = report.Scores?.PeakMemoryBytes,
            Collapse = report.Accepted ? null : report.Reasons[0],
            Unfused = attempted.Unfused,
        };
    }

    private Candidate FloatCandidate()
    {
        var scores = bench.Float(_here, cancellationToken);
        return new Candidate(_floatId, bench.Baseline.Bytes, bench.Baseline.Original.Figure)
        {
            IsFloat = true,
            Speed = _here ? 1 : null,
            LatencyP95 = scores.Latency?.P95,
            MemoryBytes = scores.PeakMemoryBytes,
        };
    }

    private VariantReport FloatVariant()
    {
        var file = Path.Combine(request.OutputFolder, _floatId + ".onnx");
        OnnxFile.Save(OnnxFile.Load(bench.FloatFile), file, request.LargestFile);
        var data = Artifacts.DataOf(file);
        return new VariantReport
        {
            Id = _floatId,
            Profile = profile.Name,
            Scheme = VariantMaker.FloatScheme,
            Artifact = Artifacts.Reference(file),
            Data = data,
            Runtime = profile.Runtime,
            Scores = bench.Float(_here, cancellationToken),
            Travelling = bench.Baseline.Original.Travelling is { } figures
                ? new Scores { Metrics = figures, Samples = request.HeldOut.Travelling!.Count }
                : null,
            Closeness = bench.Baseline.Original.Closeness,
            Drop = bench.DropOf(bench.Baseline.Original),
            SpeedUp = _here ? 1 : null,
            Accepted = true,
            Chosen = true,
            Reasons = [
                "The float model itself: no variant is both good enough and better by the goal.",
                .. data is null ? Array.Empty<string>() : [VariantReasons.InTwoFiles(data)],
            ],
        };
    }
}
