namespace Fleet.Modeling.Students;

/// <summary>
/// One layer of a network as data. The same list is trained by <see cref="Network"/>, counted by <see cref="NetworkPlan"/>
/// and written to ONNX, so none of the three can know a layer that the others do not. A layer has at most one matrix of
/// weights: what is larger, such as a block of a transformer, is a list of layers.
/// </summary>
internal abstract record Layer
{
    /// <summary>Convolution over one or two axes, batch normalization, ReLU. Padding keeps the extent at stride 1.</summary>
    /// <param name="Channels">Output channels.</param>
    /// <param name="Kernel">Extent of the kernel along each axis, odd.</param>
    /// <param name="Stride">Step along each axis.</param>
    public sealed record Convolution(int Channels, int Kernel, int Stride = 1) : Layer;

    /// <summary>A convolution of each channel with a kernel of its own, batch normalization, ReLU; a convolution of extent 1 behind it mixes the channels (Howard et al., arXiv 1704.04861).</summary>
    public sealed record Depthwise(int Kernel, int Stride = 1) : Layer;

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

    /// <summary>From token numbers to a vector for each. Only as the first layer of a plan with a vocabulary.</summary>
    public sealed record Tokens(int Width) : Layer;

    /// <summary>Adds a learned vector for each place in the sequence.</summary>
    public sealed record Positions : Layer;

    /// <summary>Fully connected layer over the vector of each token, alone.</summary>
    public sealed record Linear(int Units) : Layer;

    /// <summary>x times the Gaussian's distribution function at x (Hendrycks, Gimpel, arXiv 1606.08415).</summary>
    public sealed record Gelu : Layer;

    /// <summary>The vector of each token at mean 0 and deviation 1, then scaled and shifted by learned values (Ba, Kiros, Hinton, arXiv 1607.06450).</summary>
    public sealed record LayerNormalization : Layer;

    /// <summary>
    /// Each token's mean of all tokens' values, weighted by softmax(query key / sqrt(width of a head)); padding is not looked
    /// at (Vaswani et al., arXiv 1706.03762). What comes in are queries, keys and values side by side.
    /// </summary>
    public sealed record Attention(int Heads) : Layer;

    /// <summary>Mean over the tokens that are no padding.</summary>
    public sealed record TokenMean : Layer;

    /// <summary>Remembers what comes in, for the <see cref="AddRemembered"/> that follows.</summary>
    public sealed record Remember : Layer;

    /// <summary>Adds what was remembered: what lies between learns a correction.</summary>
    public sealed record AddRemembered : Layer;
}
