using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// The float model on the samples that judge: what every variant is compared with, by the scoring that devices use. Some of the samples
/// choose between variants in the making; the others report. Where there are too few to tell the two apart, all do both.
/// </summary>
internal sealed class Baseline : IDisposable
{
    private readonly HeldOut _heldOut;
    private readonly KeptOutputs _outputs;
    private readonly SampleTruth _truth;
    private readonly Bootstrap _bootstrap;
    private readonly Metric? _decides;

    private Baseline(string path, InferenceSession session, HeldOut heldOut, int batch, CancellationToken cancellationToken)
    {
        (Session, _heldOut, Bytes) = (session, heldOut, OnnxFile.BytesOf(path));
        Batch = BatchRules.SizeOf(session, heldOut.Samples, batch, cancellationToken);
        using (var first = Samples.Batches(1).FirstOrDefault()) IsSequence = first?.CarriesState == true;
        _outputs = KeptOutputs.Of(session, Samples, JudgedOf(session), path + ".outputs", cancellationToken);
        try
        {
            if (!IsLabelled && !_outputs.HasSignal)
                throw new InvalidDataException(
                    "The float model's outputs are zero, or not finite, for every one of these samples, so nothing could be told "
                        + "of a variant; give samples that it has an answer for.");
            _truth = heldOut.Truth.ComparedWith(_outputs);
            var classes = heldOut.Truth.Task is ModelTask.Classification or ModelTask.Anomaly ? heldOut.Truth.Classes : null;
            Split = SampleSplit.Of(heldOut.Judging, classes, Samples.Sources, IsSequence);
            _bootstrap = new Bootstrap(Split.Clusters);
            (Original, Selected) = OfFloat(cancellationToken);
            if (classes is not null && heldOut.Truth.Task == ModelTask.Classification) LabelChecks.Require(classes, _outputs.Classes);
            // What decides was measured on one half alone, such as the boxes of a detector that sees one in few pictures.
            if (Selected.Figure.Name != Original.Figure.Name
                || double.IsFinite(Selected.Figure.Value) != double.IsFinite(Original.Figure.Value))
            {
                Split = SampleSplit.Shared(heldOut.Judging, classes, Samples.Sources, IsSequence);
                _bootstrap = new Bootstrap(Split.Clusters);
                (Original, Selected) = OfFloat(cancellationToken);
            }
            _decides = Metric.All[Original.Figure.Name];
        }
        catch
        {
            _outputs.Dispose();
            throw;
        }
    }

    /// <summary>The samples that judge.</summary>
    public IFeedSource Samples => _heldOut.Samples;

    /// <summary>True when there are labels to judge by.</summary>
    public bool IsLabelled => _heldOut.Truth.IsLabelled;

    /// <summary>Which of them choose, and which report.</summary>
    public SampleSplit Split { get; }

    /// <summary>The float model's own figures on the samples that report; that which decides is among them.</summary>
    public Judged Original { get; }

    /// <summary>The same on the samples that choose.</summary>
    public Judged Selected { get; }

    /// <summary>Values that the model gives for a sample.</summary>
    public long ValuesPerSample => _outputs.Values / Math.Max(1, Samples.Count);

    /// <summary>True when the samples are the steps of a sequence, whose state each model carries.</summary>
    public bool IsSequence { get; }

    /// <summary>Samples that one run judges; 1 where nothing else was asked for, and where a sample is a whole batch.</summary>
    public int Batch { get; }

    /// <summary>
    /// Numbers of the samples that devices will judge by themselves, one by one, where their figures are told beside those that report;
    /// null where these are the same, and where no device will.
    /// </summary>
    public IReadOnlyList<int>? Travelling => _heldOut.Travelling is { } given && !Split.Report.ToHashSet().SetEquals(given) ? given
        : Batch > 1 ? Split.Report : null;

    /// <summary>Samples one run takes.</summary>
    public int BatchSize => ModelOutputs.BatchSizeOf(Session);

    /// <summary>Size of the float model.</summary>
    public long Bytes { get; }

    /// <summary>The float model's own session, for what is measured beside its answers.</summary>
    public InferenceSession Session { get; }

    /// <summary>
    /// Runs the model at <paramref name="path"/> over the samples; what it says is kept in a file beside it until this is disposed of.
    /// </summary>
    /// <exception cref="InvalidDataException">It does not take the samples, or its outputs cannot be judged by its task.</exception>
    public static Baseline Measure(string path, HeldOut heldOut, CancellationToken cancellationToken)
        => Measure(path, OnnxRuntimeSession.Open(path), heldOut, cancellationToken);

    /// <summary>The same of a model that is open already, whose session it takes over.</summary>
    /// <inheritdoc cref="Measure(string, HeldOut, CancellationToken)"/>
    public static Baseline Measure(
        string path, InferenceSession session, HeldOut heldOut, CancellationToken cancellationToken, int batch = 1)
    {
        try
        {
            return new Baseline(path, session, heldOut, batch, cancellationToken);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Judges another model on the samples that choose.</summary>
    public Judged Compare(InferenceSession session, CancellationToken cancellationToken)
        => Compared(Run(session, Split.Selection, Batch, cancellationToken).Select(one => one.Outputs));

    /// <summary>Judges another model on the samples that report, with an interval of every figure.</summary>
    public Judged Tell(InferenceSession session, CancellationToken cancellationToken)
        => Batch == 1 ? Told(Run(session, Reported(), 1, cancellationToken), null, cancellationToken)
            : Told(Run(session, Split.Report, Batch, cancellationToken), Run(session, Travelling!, 1, cancellationToken),
                cancellationToken);

    /// <summary>
    /// Where the loss against the float model lies, by the same draws of both: what makes a sample hard is hard for both.
    /// </summary>
    public MetricInterval? DropOf(Judged told) => told.Draws.Count == 0 || Original.Draws.Count == 0
        ? null
        : _bootstrap.LossOf(MetricValue.Of(Metric.All[told.Figure.Name], told.Loss - Original.Loss), [
            .. told.Draws.Zip(Original.Draws,
                (variant, original) => told.Figure.Better == MetricDirection.Higher ? original - variant : variant - original)
                .Where(double.IsFinite),
        ]);

    /// <inheritdoc cref="Bootstrap.RuleOfThree"/>
    public double RuleOfThree => _bootstrap.RuleOfThree;

    /// <summary>Times another model beside the float one, in turns.</summary>
    /// <param name="session">The other model.</param>
    /// <param name="everyThread">True where it computes on threads of its own.</param>
    /// <param name="time">How long.</param>
    /// <param name="cancellationToken">Stops between calls.</param>
    public TimedPair TimeAgainst(InferenceSession session, bool everyThread, PairTime time, CancellationToken cancellationToken)
        => LatencyRun.Pair(Session, session, Samples, everyThread, time, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        Session.Dispose();
        _outputs.Dispose();
    }

    private string[] JudgedOf(InferenceSession session)
        => SampleOutputs.JudgedOf(session, _heldOut.Truth.Task, _heldOut.Detection);

    private (Judged Original, Judged Selected) OfFloat(CancellationToken cancellationToken)
        => (Told(Reported().Select(place => (place, _outputs.At(place))), null, cancellationToken),
            Compared(Split.Selection.Select(_outputs.At)));

    private int[] Reported() => [.. Split.Report.Union(Travelling ?? []).Order()];

    private IEnumerable<(int Place, SampleOutputs Outputs)> Run(
        InferenceSession session, IReadOnlyList<int> places, int batch, CancellationToken cancellationToken)
        => places.Zip(SampleOutputs.Each(session, new PickedFeeds(Samples, places), JudgedOf(session), cancellationToken, batch));

    private Judged Compared(IEnumerable<SampleOutputs> samples) => Scored(() =>
    {
        var score = ScoreOf(_truth.Pick(Split.Selection));
        foreach (var sample in samples) score.Add(sample.Of);
        return Judged(score.Measured(), null);
    });

    /// <param name="samples">What is said of the samples that report and, where nobody runs them alone, of those that travel.</param>
    /// <param name="alone">What is said of those that travel where they are run one by one, and the others are not.</param>
    /// <param name="cancellationToken">Stops between draws.</param>
    private Judged Told(
        IEnumerable<(int Place, SampleOutputs Outputs)> samples, IEnumerable<(int Place, SampleOutputs Outputs)>? alone,
        CancellationToken cancellationToken) => Scored(() =>
    {
        var report = (Score: ScoreOf(_truth.Pick(Split.Report)), Samples: Split.Report.ToHashSet());
        var travelling = Travelling is { } some ? (Score: ScoreOf(_truth.Pick(some)), Samples: some.ToHashSet()) : default;
        foreach (var (place, sample) in samples)
        {
            if (report.Samples.Contains(place)) report.Score.Add(sample.Of);
            if (alone is null && travelling.Samples?.Contains(place) == true) travelling.Score.Add(sample.Of);
        }
        foreach (var (_, sample) in alone ?? []) travelling.Score.Add(sample.Of);
        var (measured, draws) = (report.Score.Measured(), _bootstrap.Of(report.Score, cancellationToken));
        var judged = Judged(measured, travelling.Score?.Measured());
        return judged with
        {
            Intervals = _bootstrap.Intervals(measured, draws),
            Draws = [.. draws.Draws.Select(draw => draw.FirstOrDefault(value => value.Name == judged.Figure.Name)?.Value ?? double.NaN)],
        };
    });

    private Judged Scored(Func<Judged> score)
    {
        try
        {
            return score();
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"The outputs cannot be judged: {e.Message}"
                + (IsLabelled ? " Leave the labels out to judge by closeness to the float model." : ""), e);
        }
    }

    private TaskScore ScoreOf(SampleTruth truth) => TaskScore.For(truth, [.. _outputs.Names], _heldOut.Detection, _heldOut.LabelUnit);

    private Judged Judged(IReadOnlyList<MetricValue> measured, IReadOnlyList<MetricValue>? travelling)
    {
        double? Value(Metric metric) => measured.FirstOrDefault(figure => figure.Name == metric.Name)?.Value;
        var closeness = new Closeness(Value(Metric.SignalToNoise) ?? -Closeness.Exact, Value(Metric.Cosine) ?? 0, Value(Metric.Agreement));
        var decides = MetricThatDecides(measured);
        // A figure that was not measured, such as the error of what is not a number, is the worst there is.
        var figure = measured.FirstOrDefault(figure => figure.Name == decides.Name) ?? MetricValue.Of(decides,
            decides.Better == MetricDirection.Higher ? double.NegativeInfinity : double.PositiveInfinity);
        return new Judged(closeness, decides == Metric.SignalToNoise ? MetricValue.Of(decides, closeness.SignalToNoise) : figure)
        {
            Figures = [.. measured.Where(IsTold)],
            Travelling = travelling is null ? null : [.. travelling.Where(IsTold)],
        };
    }

    // A detector whose float model is sure of no box on these samples is left with decibels.
    private Metric MetricThatDecides(IReadOnlyList<MetricValue> measured)
    {
        if (_decides is not null) return _decides;
        var task = TaskDefinition.Of(_truth.Task);
        return IsLabelled ? task.GateMetric(labelled: true)
            : _truth.Task == ModelTask.Detection && measured.Any(figure => figure.Name == Metric.BoxAgreement.Name) ? Metric.BoxAgreement
            : Metric.SignalToNoise;
    }

    // With labels, how far the outputs are from the float model's is told by closeness alone: no device measures it.
    private bool IsTold(MetricValue figure)
        => !IsLabelled || (figure.Name != Metric.Cosine.Name && figure.Name != Metric.SignalToNoise.Name);
}
