using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Schemes;

/// <summary>How the weights of a model's matrix products become integers in blocks.</summary>
internal interface IProductRounding
{
    /// <summary>The form of most of them.</summary>
    BlockForm Usual { get; }

    /// <summary>The rounded weights of every product, by its first output; those tied to a table are left out.</summary>
    /// <exception cref="InvalidDataException">It needs samples, and there are none.</exception>
    IReadOnlyDictionary<string, BlockWeights> Of(QuantizationSource source);
}
