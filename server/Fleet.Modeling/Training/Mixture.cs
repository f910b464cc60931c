namespace Fleet.Modeling.Training;

/// <summary>
/// An image that another one is mixed into: value by value (mixup: Zhang et al., arXiv 1710.09412), or a rectangle of it (CutMix: Yun et
/// al., arXiv 1905.04899). The share is drawn alike between 0 and 1, as both draw it by default, Beta(1, 1); of two images the one with the
/// larger share gives its name to the mixture, which is the same draw told from the other end.
/// </summary>
/// <param name="Other">Number of the sample that is mixed in.</param>
/// <param name="Share">Share of the sample itself, 0.5 to 1; its label has the same.</param>
/// <param name="Rows">Rows of the rectangle; all of them where values are mixed.</param>
/// <param name="Columns">Its columns.</param>
internal readonly record struct Mixture(int Other, float Share, Range Rows, Range Columns)
{
    /// <summary>Draws one.</summary>
    /// <param name="samples">That the other is one of.</param>
    /// <param name="shape">Channels, height and width for a rectangle; null to mix values.</param>
    /// <param name="random">Draws.</param>
    public static Mixture Draw(int samples, IReadOnlyList<int>? shape, Random random)
    {
        var (other, share) = (random.Next(samples), random.NextSingle());
        share = Math.Max(share, 1 - share);
        if (shape is null) return new(other, share, Range.All, Range.All);
        var side = MathF.Sqrt(1 - share);
        var (rows, columns) = (Part(shape[1], side, random), Part(shape[2], side, random));
        var area = (float)(rows.End.Value - rows.Start.Value) * (columns.End.Value - columns.Start.Value);
        return new(other, 1 - area / (shape[1] * shape[2]), rows, columns);
    }

    /// <summary>Mixes the other image into the own one.</summary>
    /// <param name="other">Values of the other.</param>
    /// <param name="shape">Channels, height and width.</param>
    /// <param name="own">Values of the own one; the mixture afterwards.</param>
    public void Add(ReadOnlySpan<float> other, IReadOnlyList<int> shape, Span<float> own)
    {
        if (Rows.Equals(Range.All))
        {
            for (var place = 0; place < own.Length; place++) own[place] = Share * own[place] + (1 - Share) * other[place];
            return;
        }
        var (height, width) = (shape[1], shape[2]);
        for (var row = 0; row < shape[0] * height; row++)
        {
            if (row % height < Rows.Start.Value || row % height >= Rows.End.Value) continue;
            other.Slice(row * width, width)[Columns].CopyTo(own.Slice(row * width, width)[Columns]);
        }
    }

    // Around a place anywhere, cut off at the edges.
    private static Range Part(int extent, float side, Random random)
    {
        var (middle, half) = (random.Next(extent), side * extent / 2);
        return (int)Math.Max(0, MathF.Round(middle - half))..(int)Math.Min(extent, MathF.Round(middle + half));
    }
}
