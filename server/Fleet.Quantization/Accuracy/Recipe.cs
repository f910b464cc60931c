using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;

namespace Fleet.Quantization.Accuracy;

/// <summary>Where a model comes from, and what is done to it before it is quantized.</summary>
/// <param name="From">The float model, its histograms and samples.</param>
/// <param name="Techniques">Techniques, in order.</param>
/// <param name="SignalToNoise">Decibels without and with them; null where there are none.</param>
internal sealed record Recipe(QuantizationSource From, IReadOnlyList<ITechnique> Techniques, (double Plain, double Improved)? SignalToNoise)
{
    /// <summary>The quantized model, with these operators in float; roughly for a search that only compares.</summary>
    public ModelProto Make(
        IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken, bool roughly = false)
        => scheme.Apply(Techniques.Aggregate(From, (source, technique) => roughly
            ? technique.ApplyRoughly(source, scheme, keptFloat, cancellationToken)
            : technique.Apply(source, scheme, keptFloat, cancellationToken)), keptFloat);
}
