using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>The float model on the samples that judge: what every variant is compared with, by the scoring that devices use.</summary>
internal sealed class Baseline : IDisposable
{
    private readonly HeldOut _heldOut;
    private readonly KeptOutputs _outputs;
    private readonly SampleTruth _truth;

    private Baseline(string path, InferenceSession session, HeldOut heldOut, CancellationToken cancellationToken)
    {
        (Session, _heldOut, Bytes) = (session, heldOut, new FileInfo(path).Length);
        using (var first = Samples.Batches(1).FirstOrDefault()) IsSequence = first?.CarriesState == true;
        _outputs = KeptOutputs.Of(session, Samples, JudgedOf(session), path + ".outputs", cancellationToken);
        try
        {
            if (!IsLabelled && !_outputs.HasSignal)
                throw new InvalidDataException(
                    "The float model's outputs are zero, or not finite, for every one of these samples, so nothing could be told "
                        + "of a variant; give samples that it has an answer for.");
            _truth = heldOut.Truth.ComparedWith(_outputs);
            Original = Judge(Enumerable.Range(0, _outputs.Samples).Select(_outputs.At));
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

    /// <summary>The float model's own figures; that which decides is among them.</summary>
    public Judged Original { get; }

    /// <summary>Values that the model gives for a sample.</summary>
    public long ValuesPerSample => _outputs.Values / Math.Max(1, Samples.Count);

    /// <summary>True when the samples are the steps of a sequence, whose state each model carries.</summary>
    public bool IsSequence { get; }

    /// <summary>Samples one run takes.</summary>
    public int BatchSize => ModelOutputs.BatchSizeOf(Session);

    /// <summary>Size of the float model's file.</summary>
    public long Bytes { get; }

    /// <summary>The float model's own session, for what is measured beside its answers.</summary>
    public InferenceSession Session { get; }

    /// <summary>
    /// Runs the model at <paramref name="path"/> over the samples; what it says is kept in a file beside it until this is disposed of.
    /// </summary>
    /// <exception cref="InvalidDataException">It does not take the samples, or its outputs cannot be judged by its task.</exception>
    public static Baseline Measure(string path, HeldOut heldOut, CancellationToken cancellationToken)
    {
        var session = OnnxRuntimeSession.Open(path);
        try
        {
            return new Baseline(path, session, heldOut, cancellationToken);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Judges another model by the task.</summary>
    public Judged Judge(InferenceSession session, CancellationToken cancellationToken)
        => Judge(SampleOutputs.Each(session, Samples, JudgedOf(session), cancellationToken));

    /// <summary>Latency of the float model and of another, measured in turns.</summary>
    public (LatencySummary Float, LatencySummary Variant) LatencyAgainst(InferenceSession session, CancellationToken cancellationToken)
        => LatencyRun.Measure([Session, session], Samples, cancellationToken) is [var first, var second]
            ? (first, second)
            : throw new InvalidOperationException("Two models were measured.");

    /// <inheritdoc/>
    public void Dispose()
    {
        Session.Dispose();
        _outputs.Dispose();
    }

    private string[] JudgedOf(InferenceSession session)
        => SampleOutputs.JudgedOf(session, _heldOut.Truth.Task, _heldOut.Detection);

    private Judged Judge(IEnumerable<SampleOutputs> samples)
    {
        try
        {
            var all = ScoreOf(_truth);
            var travelling = _heldOut.Travelling is { } some ? (Score: ScoreOf(_truth.Pick(some)), Samples: some.ToHashSet()) : default;
            foreach (var (place, sample) in samples.Index())
            {
                all.Add(sample.Of);
                if (travelling.Samples?.Contains(place) == true) travelling.Score.Add(sample.Of);
            }
            return Judged(all.Measured(), travelling.Score?.Measured());
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
        if (Original is { } original) return Metric.All[original.Figure.Name];
        var task = TaskDefinition.Of(_truth.Task);
        return IsLabelled ? task.GateMetric(labelled: true)
            : _truth.Task == ModelTask.Detection && measured.Any(figure => figure.Name == Metric.BoxAgreement.Name) ? Metric.BoxAgreement
            : Metric.SignalToNoise;
    }

    // With labels, how far the outputs are from the float model's is told by closeness alone: no device measures it.
    private bool IsTold(MetricValue figure)
        => !IsLabelled || (figure.Name != Metric.Cosine.Name && figure.Name != Metric.SignalToNoise.Name);
}
