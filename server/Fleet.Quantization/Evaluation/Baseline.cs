using Fleet.Contracts.Builds;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>What was found of a model over the samples that judge.</summary>
/// <param name="Closeness">How close its outputs are to the float model's.</param>
/// <param name="Accuracy">Share of samples whose decision is their label; null without labels.</param>
/// <param name="Drop">Accuracy lost against the float model; null without labels.</param>
internal sealed record Judged(Closeness Closeness, double? Accuracy, double? Drop)
{
    /// <summary>
    /// What the model loses: accuracy where there are labels, otherwise decibels of signal to noise, below zero; smaller is better.
    /// </summary>
    public double Loss => Drop ?? -Closeness.SignalToNoise;
}

/// <summary>The float model on the samples that judge: what every variant is compared with.</summary>
internal sealed class Baseline : IDisposable
{
    private readonly InferenceSession _session;
    private readonly IReadOnlyList<long>? _labels;
    private readonly KeptOutputs _outputs;

    private Baseline(string path, InferenceSession session, IFeedSource samples, IReadOnlyList<long>? labels,
        CancellationToken cancellationToken)
    {
        (_session, Samples, _labels, Bytes) = (session, samples, labels, new FileInfo(path).Length);
        using (var first = samples.Batches(1).FirstOrDefault()) IsSequence = first?.CarriesState == true;
        _outputs = KeptOutputs.Of(session, samples, path + ".outputs", cancellationToken);
        if (Unusable(Path.GetFileName(path)) is { } problem)
        {
            _outputs.Dispose();
            throw new InvalidDataException(problem);
        }
        Accuracy = labels is null
            ? null
            : AccuracyOf(_outputs.Samples().SelectMany(sample => sample.Decisions).Zip(labels).Count(pair => pair.First == pair.Second));
    }

    /// <summary>The samples that judge.</summary>
    public IFeedSource Samples { get; }

    /// <summary>Float values that the model gives for a sample.</summary>
    public long ValuesPerSample => _outputs.Values / Math.Max(1, Samples.Count);

    /// <summary>True when the samples are the steps of a sequence, whose state each model carries.</summary>
    public bool IsSequence { get; }

    /// <summary>Samples one run takes.</summary>
    public int BatchSize => ModelOutputs.BatchSizeOf(_session);

    /// <summary>The float model's accuracy; null without labels.</summary>
    public double? Accuracy { get; }

    /// <summary>Size of the float model's file.</summary>
    public long Bytes { get; }

    /// <summary>
    /// Runs the model at <paramref name="path"/> over the samples; what it says is kept in a file beside it until this is disposed of.
    /// </summary>
    /// <exception cref="InvalidDataException">It does not take the samples, or its output cannot be compared with the labels.</exception>
    public static Baseline Measure(string path, IFeedSource samples, IReadOnlyList<long>? labels, CancellationToken cancellationToken)
    {
        var session = OnnxRuntimeSession.Open(path);
        try
        {
            return new Baseline(path, session, samples, labels, cancellationToken);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Compares another model with the float one.</summary>
    public Judged Judge(InferenceSession session, CancellationToken cancellationToken)
    {
        var (closeness, right) = _outputs.Compare(session, Samples, _labels, cancellationToken);
        var accuracy = AccuracyOf(right);
        return new Judged(closeness, accuracy, Accuracy - accuracy);
    }

    /// <summary>Latency of the float model and of another, measured in turns.</summary>
    public (LatencySummary Float, LatencySummary Variant) LatencyAgainst(InferenceSession session, CancellationToken cancellationToken)
        => LatencyRun.Measure([_session, session], Samples, cancellationToken) is [var first, var second]
            ? (first, second)
            : throw new InvalidOperationException("Two models were measured.");

    /// <summary>The float model's own session, for what is measured beside its answers.</summary>
    public InferenceSession Session => _session;

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _outputs.Dispose();
    }

    private string? Unusable(string model) => _labels switch
    {
        { Count: var count } when count != _outputs.Rows =>
            $"Labels need one row of class scores for each sample; the first output of {model} has {_outputs.Rows} rows for {count} "
                + $"labels. Leave the labels out to judge by closeness to the float model.",
        null when !_outputs.HasSignal =>
            "The float model's outputs are zero, or not finite, for every one of these samples, so nothing could be told of a "
                + "variant; give samples that it has an answer for.",
        _ => null,
    };

    private double? AccuracyOf(int right) => _labels is null ? null : (double)right / Math.Max(1, _labels.Count);
}
