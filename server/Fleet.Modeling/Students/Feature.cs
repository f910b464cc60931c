namespace Fleet.Modeling.Students;

/// <summary>A value inside a network that a loss can compare.</summary>
/// <param name="Name">Its name, such as <c>layer3</c>.</param>
/// <param name="Shape">Its extents for one sample.</param>
/// <param name="ChannelsLast">True where positions come first and channels last, as in transformers (tokens, hidden size).</param>
internal sealed record Feature(string Name, IReadOnlyList<int> Shape, bool ChannelsLast = false)
{
    /// <summary>Its channels.</summary>
    public int Channels => ChannelsLast ? Shape[^1] : Shape[0];
}
