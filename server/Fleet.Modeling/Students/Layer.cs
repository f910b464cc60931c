namespace Fleet.Modeling.Students;

/// <summary>
/// One layer of a network as data. The same list is trained by <see cref="Network"/>, counted by <see cref="NetworkPlan"/>
/// and written to ONNX, so none of the three can know a layer that the others do not.
/// </summary>
internal abstract record Layer
{
    /// <summary>Convolution over one or two axes, batch normalization, ReLU. Padding keeps the extent at stride 1.</summary>
    /// <param name="Channels">Output channels.</param>
    /// <param name="Kernel">Extent of the kernel along each axis, odd.</param>
    /// <param name="Stride">Step along each axis.</param>
    public sealed record Convolution(int Channels, int Kernel, int Stride = 1) : Layer;

    /// <summary>Largest value of each window; windows do not overlap and an incomplete one is left out.</summary>
    public sealed record MaxPool(int Size) : Layer;

    /// <summary>Mean over all positions of each channel.</summary>
    public sealed record GlobalAverage : Layer;

    /// <summary>Channels and positions in one row.</summary>
    public sealed record Flatten : Layer;

    /// <summary>Fully connected layer, batch normalization, ReLU: parameters that cost little computation.</summary>
    public sealed record Dense(int Units) : Layer;

    /// <summary>Fully connected layer to the logits.</summary>
    public sealed record Classifier(int Classes) : Layer;
}
