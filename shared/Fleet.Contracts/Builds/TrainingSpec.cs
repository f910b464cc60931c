namespace Fleet.Contracts.Builds;

/// <summary>A training run.</summary>
public sealed record TrainingSpec
{
    /// <summary>Passes over the training samples.</summary>
    public int Epochs { get; set; } = 10;

    /// <summary>Samples a step.</summary>
    public int BatchSize { get; set; } = 128;

    /// <summary>Peak learning rate; it warms up and then falls to zero along a cosine.</summary>
    public double LearningRate { get; set; } = 2e-3;

    /// <summary>Decoupled weight decay (AdamW).</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>Random shifts and flips (images), shifts and gains (signals) while training.</summary>
    public bool Augment { get; init; }
}
