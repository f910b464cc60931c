using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>The torch modules of one layer.</summary>
/// <param name="Weights">Its weights; null for a layer without.</param>
/// <param name="BatchNormalization">What normalizes behind them; null for none.</param>
internal sealed record LayerModules(Module<Tensor, Tensor>? Weights, Module<Tensor, Tensor>? BatchNormalization)
{
    /// <summary>Those of a layer that learns nothing.</summary>
    public static readonly LayerModules None = new(null, null);
}
