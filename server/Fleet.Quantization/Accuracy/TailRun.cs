using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;

namespace Fleet.Quantization.Accuracy;

/// <summary>
/// Compares models that are float up to some operator with the float model, from that operator on alone: what lies before it is computed
/// once for all of them. Over the operators of a model, one after the other, that is half of the work.
/// </summary>
internal sealed class TailRun : IDisposable
{
    /// <summary>Bytes of activations that may be held: by estimate before it begins, and as they are once it runs.</summary>
    private const long HeldBytes = 256L << 20;

    /// <summary>What is held of a sample at a time, in largest activations.</summary>
    private const int HeldActivations = 3;

    private readonly ModelProto _model;
    private readonly StretchedRun _run;
    private readonly CancellationToken _cancellationToken;
    private float[]? _reference;
    private bool _isOver;

    private TailRun(ModelProto model, StretchedRun run, CancellationToken cancellationToken)
        => (_model, _run, _cancellationToken) = (model, run, cancellationToken);

    /// <summary>Begins with the inputs; null where activations are too large to be held, or samples follow from each other.</summary>
    /// <param name="from">The float model and its histograms, which tell how large its activations are.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static TailRun? Over(QuantizationSource from, IFeedSource samples, CancellationToken cancellationToken)
    {
        if (from.Samples is not { Count: > 0 } counted || from.Histograms.Count == 0) return null;
        using (var first = samples.Batches(1).FirstOrDefault())
        {
            if (first is not { CarriesState: false }) return null;
        }
        var largest = from.Histograms.Values.Max(histogram => histogram.Count) / counted.Count;
        if (largest * sizeof(float) * HeldActivations * samples.Count > HeldBytes) return null;
        return new TailRun(from.Model.Model, StretchedRun.Over(from.Model.Model, samples, cancellationToken), cancellationToken);
    }

    /// <summary>How clean the output of a model is, in decibels; null where that cannot be told so.</summary>
    /// <param name="model">The model, float up to <paramref name="first"/>.</param>
    /// <param name="first">First output of the first operator that is not; never before that of an earlier call.</param>
    public double? SignalToNoiseOf(ModelProto model, string first)
    {
        if (_isOver) return null;
        if (!_model.Graph.Node.Any(node => node.Output.Contains(first))) return null;
        _isOver = !_run.Until(_model, first, _ => { }, _cancellationToken)
            || _run.HeldBytes > HeldBytes || (_reference ??= _run.Rest(_model, _cancellationToken)) is null;
        return !_isOver && _run.Rest(model, _cancellationToken) is { } outputs && outputs.Length == _reference!.Length
            ? Judgement.SignalToNoise(outputs, _reference)
            : null;
    }

    /// <inheritdoc/>
    public void Dispose() => _run.Dispose();
}
