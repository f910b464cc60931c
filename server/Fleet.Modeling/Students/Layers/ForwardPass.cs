using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>One batch on its way through a network.</summary>
/// <param name="input">What came into the network.</param>
/// <param name="tap">What keeps features; null for none.</param>
internal sealed class ForwardPass(Tensor input, FeatureTap? tap)
{
    /// <summary>What came into the network: layers that leave padding out find it there.</summary>
    public Tensor Input => input;

    /// <summary>The same at mean 0 and deviation 1, which is what the first layer takes; null where there are no layers behind.</summary>
    public Tensor? Standardized { get; init; }

    /// <summary>What keeps features; null for none.</summary>
    public FeatureTap? Tap => tap;

    /// <summary>Name of the layer whose turn it is.</summary>
    public string Name { get; set; } = "";

    /// <summary>What each <see cref="Remember"/> took in that nothing has used yet.</summary>
    public Stack<Tensor> Remembered { get; } = [];
}
