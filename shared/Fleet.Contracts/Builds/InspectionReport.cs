namespace Fleet.Contracts.Builds;

/// <summary>A variant layer by layer beside its float model: where errors come from, and how they gather.</summary>
public sealed record InspectionReport
{
    /// <summary>File name of the variant.</summary>
    public required string Variant { get; init; }

    /// <summary>File name of the float model.</summary>
    public required string Reference { get; init; }

    /// <summary>Where the samples came from, and how many were run.</summary>
    public required SampleSource Samples { get; init; }

    /// <summary>Decibels of signal to noise over the outputs of the model.</summary>
    public required double SignalToNoise { get; init; }

    /// <summary>The layers that are rounded, in the order in which they run.</summary>
    public required IReadOnlyList<LayerInspection> Layers { get; init; }

    /// <summary>
    /// What the file says of the session entries that it needs wherever it is loaded, in sentences; none where it says nothing.
    /// </summary>
    public IReadOnlyList<string> Settings { get; set; } = [];

    /// <summary>Rounded layers of the variant that have no value in the float model to be compared with.</summary>
    public int NotCompared { get; init; }
}

/// <summary>One rounded layer.</summary>
public sealed record LayerInspection
{
    /// <summary>Name of the node in the float model, or of the input.</summary>
    public required string Layer { get; init; }

    /// <summary>Its operator; empty for an input of the model.</summary>
    public required string Operator { get; init; }

    /// <summary>What its weights are, such as <c>int8</c>; absent where none are rounded.</summary>
    public string? Weights { get; init; }

    /// <summary>What the values that it reads are rounded to, such as <c>uint8</c>; absent where they are not.</summary>
    public string? Activations { get; init; }

    /// <summary>
    /// Decibels of its output when it alone is rounded: it reads what the float model computes. Absent where it cannot be run by itself.
    /// </summary>
    public double? Alone { get; init; }

    /// <summary>Decibels of its output in the variant: what this layer and all before it have added.</summary>
    public required double Cumulative { get; init; }

    /// <summary>The smallest and largest value of its output in the float model.</summary>
    public required double Minimum { get; init; }

    /// <inheritdoc cref="Minimum"/>
    public required double Maximum { get; init; }

    /// <summary>The smallest and largest value that its output can have once rounded; absent where that is not fixed beforehand.</summary>
    public double? Lowest { get; init; }

    /// <inheritdoc cref="Lowest"/>
    public double? Highest { get; init; }

    /// <summary>
    /// Share of the float model's values that lie outside and are cut off, 0 to 1; absent where the range is not fixed.
    /// </summary>
    public double? Saturated { get; init; }

    /// <summary>Channels of its output.</summary>
    public required int Channels { get; init; }

    /// <summary>
    /// Channels whose largest magnitude is more than <see cref="OutlierFactor"/> times that of the median channel: they stretch the range
    /// that all share.
    /// </summary>
    public required int OutlierChannels { get; init; }

    /// <summary>
    /// The channel with the largest magnitude, and how many times that of the median channel it is; absent where that is 0.
    /// </summary>
    public int? LargestChannel { get; init; }

    /// <inheritdoc cref="LargestChannel"/>
    public double? LargestFactor { get; init; }

    /// <summary>
    /// True where a technique changed the scale of its channels (equalization): then each channel is compared in the scale that suits it
    /// best.
    /// </summary>
    public bool Rescaled { get; init; }

    /// <summary>From how many times the median channel's magnitude on a channel is called an outlier.</summary>
    public const double OutlierFactor = 6;
}
