namespace Fleet.Contracts.Media;

/// <summary>What a model takes in place of a picture or of sound.</summary>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Extents">Extents, the batch in front; -1 where any is taken.</param>
public sealed record MediaInput(string Name, IReadOnlyList<int> Extents)
{
    /// <summary>The smallest and largest whole number that it takes; null where it takes floats.</summary>
    public (double Low, double High)? WholeNumbers { get; init; }

    /// <summary>The input in words.</summary>
    public override string ToString() => $"'{Name}' ({string.Join(", ", Extents.Select(extent => extent < 0 ? "any" : $"{extent}"))})";
}

/// <summary>Values of one or more samples, the first axis counting them.</summary>
/// <param name="Values">The numbers, last axis fastest.</param>
/// <param name="Shape">Extents.</param>
public sealed record PreparedSamples(float[] Values, IReadOnlyList<int> Shape);
