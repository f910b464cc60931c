namespace Fleet.Modeling.Students.Layers;

/// <summary>A layer with the numbers it needs to run, free of TorchSharp.</summary>
/// <param name="Layer">What it does.</param>
/// <param name="WeightShape">Extents of the weights, output channels first; empty for a layer without weights.</param>
/// <param name="Weight">Weights, last axis fastest.</param>
/// <param name="Bias">One value for each output channel; empty for a table of vectors.</param>
internal sealed record FoldedLayer(Layer Layer, IReadOnlyList<int> WeightShape, float[] Weight, float[] Bias);
