namespace Fleet.Contracts.Builds;

/// <summary>The student.</summary>
public sealed record StudentSpec
{
    /// <summary><c>conv1d</c> or <c>cnn</c>.</summary>
    public required string Family { get; init; }

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; set; } = 16;
}
