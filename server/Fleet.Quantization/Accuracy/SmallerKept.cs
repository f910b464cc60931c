using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Accuracy;

/// <summary>
/// Stores what an accurate model keeps in float in fewer bytes where that costs nothing: 16 bits, and 8 for as many weights as can be
/// had. Most layers are kept for the sake of their activations, which stay float.
/// </summary>
/// <param name="scheme">Made the model.</param>
/// <param name="judge">Compares a model with the float model.</param>
/// <param name="cancellationToken">Stops between models.</param>
internal sealed class SmallerKept(IQuantizationScheme scheme, Func<ModelProto, Judged> judge, CancellationToken cancellationToken)
{
    /// <summary>Decibels that fewer bytes may cost.</summary>
    private const double Nothing = 0.3;

    /// <summary>The model so; the one given where it keeps nothing, or what it keeps must be as it is.</summary>
    /// <param name="made">The model.</param>
    /// <param name="limit">Largest loss that is allowed, where the model given loses no more already.</param>
    public ControlledModel Of(ControlledModel made, double limit)
    {
        if (!scheme.KeptMayShrink || KeptWeights.Of(made.Model) is not { Count: > 0 } weights) return made;
        var most = Math.Max(limit, made.Judged.Loss);
        ControlledModel? InBytes(int count) => Stored(made, weights.Take(count), most);
        if (scheme.KeptMayBeBytes && InBytes(weights.Count) is { } smallest) return smallest;
        if (InBytes(0) is not { } best) return made;
        // The largest first: half of them, and half of those, where all is too much.
        for (var count = scheme.KeptMayBeBytes ? weights.Count / 2 : 0; count > 0; count /= 2)
        {
            if (InBytes(count) is { } smaller) return smaller;
        }
        return best;
    }

    private ControlledModel? Stored(ControlledModel made, IEnumerable<StoredWeight> bytes, double most)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var names = bytes.Select(weight => weight.Tensor.Name).ToHashSet();
        var model = KeptWeights.Stored(made.Model, names);
        var judged = judge(model);
        return judged.Loss <= most && judged.Closeness.SignalToNoise >= made.Judged.Closeness.SignalToNoise - Nothing
            ? made with { Model = model, Judged = judged, InBytes = names }
            : null;
    }
}
