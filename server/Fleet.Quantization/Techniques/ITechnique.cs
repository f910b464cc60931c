using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Techniques;

/// <summary>A technique that changes the float model so that a scheme loses less of it.</summary>
internal interface ITechnique
{
    /// <summary>Name in reports.</summary>
    string Name { get; }

    /// <summary>False when it finds something to do without samples too.</summary>
    bool NeedsSamples => true;

    /// <summary>Decibels that it must win on the samples that rank; fewer are chance.</summary>
    double LeastGain => 0.2;

    /// <summary>True where what it finds of an operator depends on which others stay float.</summary>
    bool SeesOthers => false;

    /// <summary>True where it finds more when it is not applied roughly, even with every operator quantized.</summary>
    bool FindsMoreExactly => false;

    /// <summary>True when there is something in <paramref name="graph"/> that it could change.</summary>
    bool Suits(OnnxGraph graph);

    /// <summary>The changed source; <paramref name="source"/> itself when there is nothing to change.</summary>
    /// <param name="source">The float model, its histograms and samples.</param>
    /// <param name="scheme">What will quantize it.</param>
    /// <param name="keptFloat">Operators that will stay float.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken);

    /// <summary>
    /// Nearly the same, by what is found once for every set of operators: for a search that only compares, where running the model again
    /// for each would take most of its time.
    /// </summary>
    /// <inheritdoc cref="Apply" path="/param"/>
    QuantizationSource ApplyRoughly(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => Apply(source, scheme, keptFloat, cancellationToken);
}
