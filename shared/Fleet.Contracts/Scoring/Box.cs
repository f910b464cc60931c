namespace Fleet.Contracts.Scoring;

/// <summary>A box by its corners.</summary>
public readonly record struct Box(float Left, float Top, float Right, float Bottom)
{
    /// <summary>Its area; zero when it is turned inside out or one of its corners is not a number.</summary>
    public double Area => Right > Left && Bottom > Top ? ((double)Right - Left) * ((double)Bottom - Top) : 0;

    /// <summary>
    /// False for what cannot overlap anything, itself included: corners turned inside out, on top of each other, or that are not numbers.
    /// </summary>
    public bool HasArea => Area is > 0 and < double.PositiveInfinity;

    /// <summary>Intersection over union with another box, 0 to 1; zero when neither has an area.</summary>
    public double Overlap(Box other)
    {
        var common = new Box(Math.Max(Left, other.Left), Math.Max(Top, other.Top), Math.Min(Right, other.Right),
            Math.Min(Bottom, other.Bottom)).Area;
        var union = Area + other.Area - common;
        return common > 0 && double.IsFinite(union) ? common / union : 0;
    }
}

/// <summary>A box that a model found.</summary>
public readonly record struct DetectedBox(Box Box, int Class, float Score);

/// <summary>A box that is there.</summary>
public readonly record struct TrueBox(Box Box, int Class);
