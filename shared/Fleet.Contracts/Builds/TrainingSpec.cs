namespace Fleet.Contracts.Builds;

/// <summary>A training run.</summary>
public sealed record TrainingSpec
{
    /// <summary>Passes over the training samples; absent: ten, or as many more as a thousand steps take.</summary>
    public int? Epochs { get; set; }

    /// <summary>
    /// Samples a step; absent: the power of two near a sixteenth of the training samples, from 8 to 128.
    /// </summary>
    public int? BatchSize { get; set; }

    /// <summary>Peak learning rate; it warms up and then falls to zero along a cosine.</summary>
    public double LearningRate { get; set; } = 2e-3;

    /// <summary>Decoupled weight decay (AdamW).</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>Random shifts and flips (images), shifts and gains (signals) while training.</summary>
    public bool Augment { get; init; }

    /// <summary>
    /// With <see cref="Augment"/>: mirror half of the images. Turn it off where left and right mean something, as in shoes that all point
    /// one way, or digits.
    /// </summary>
    public bool Mirror { get; set; } = true;

    /// <summary>Share of every label that is spread over all classes, 0 to 1 (Szegedy et al., arXiv 1512.00567).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>
    /// Regression: errors beyond this many deviations of the labels count by their size and no longer by their square (Huber's loss);
    /// absent: all by their square.
    /// </summary>
    public double? HuberDelta { get; init; }

    /// <summary>
    /// Epochs without a better result on the validation samples after which the run ends; 0: it always runs to its last epoch.
    /// </summary>
    public int Patience { get; init; }

    /// <summary><c>auto</c> (a GPU where the worker's libtorch has one), <c>cpu</c> or <c>cuda</c>.</summary>
    public string Device { get; set; } = "auto";
}
