namespace Fleet.Contracts.Builds;

/// <summary>The student.</summary>
public sealed record StudentSpec
{
    /// <summary>
    /// <c>mlp</c> (fully connected, any samples), <c>conv1d</c> (signals), <c>cnn</c> or <c>cnn-separable</c> (images; plain or
    /// depthwise-separable convolutions), <c>encoder</c> (texts).
    /// </summary>
    public required string Family { get; init; }

    /// <summary>
    /// Channels of the first stage; of <c>mlp</c> the units of each stage, of <c>encoder</c> the width of a token's vector.
    /// <c>auto</c> searches the largest that meets <see cref="Budget"/>.
    /// </summary>
    public StudentWidth Width { get; set; } = 16;

    /// <summary>What it may cost, for width <c>auto</c>.</summary>
    public StudentBudget? Budget { get; init; }

    /// <summary>
    /// Stages of <c>mlp</c>, blocks of <c>encoder</c>; absent: two. Convolutions in each stage of <c>cnn</c>; absent: one. Other families
    /// have a depth of their own.
    /// </summary>
    public int? Depth { get; init; }
}
