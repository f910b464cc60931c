using System.Collections.Frozen;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Quantization;

/// <summary>A technique that changes the float model so that a scheme loses less of it. It needs samples.</summary>
internal interface IQuantizationStep
{
    /// <summary>Name in reports.</summary>
    string Name { get; }

    /// <summary>True when there is something in <paramref name="graph"/> that it could change.</summary>
    bool Suits(OnnxGraph graph);

    /// <summary>The changed source; <paramref name="source"/> itself when there is nothing to change.</summary>
    /// <param name="source">The float model, its histograms and samples.</param>
    /// <param name="scheme">What will quantize it.</param>
    /// <param name="keptFloat">Operators that will stay float.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    QuantizationSource Apply(QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken);
}

/// <summary>The techniques by name.</summary>
internal static class QuantizationSteps
{
    /// <summary>Scales of channels moved between layers.</summary>
    public static readonly IQuantizationStep Equalization = new CrossLayerEqualization();

    /// <summary>Outlier channels of a transformer moved into its weights.</summary>
    public static readonly IQuantizationStep Smoothing = new Smoothing();

    /// <summary>Expected errors folded into biases.</summary>
    public static readonly IQuantizationStep Bias = new BiasCorrection();

    private static readonly FrozenDictionary<string, IQuantizationStep> ByName = new[] { Equalization, Smoothing, Bias }.ToFrozenDictionary(step => step.Name);

    /// <summary>The technique of that name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static IQuantizationStep Named(string name) => ByName.TryGetValue(name, out var step)
        ? step
        : throw new ArgumentException($"Quantization step '{name}' is not known; it is one of {string.Join(", ", ByName.Keys.Order())}.", nameof(name));
}
