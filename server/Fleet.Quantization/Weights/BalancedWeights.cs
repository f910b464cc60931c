namespace Fleet.Quantization.Weights;

/// <summary>
/// A weight as signed bytes with a scale for each channel and one for each place within a channel: the value is the integer times
/// both. Where some places hold much smaller weights than others (the taps at the ends of a window, the inputs with large
/// activations) their rounding error is as much smaller. Only for weights that are float again once loaded: no integer kernel
/// has such scales.
/// </summary>
/// <param name="Values">The integers, -127 to 127, in the order of the weight.</param>
/// <param name="Scales">One for each channel.</param>
/// <param name="PlaceScales">One for each place, in the weight's order with the channel axis of extent 1; empty when the scales of the
/// channels alone are as good.</param>
internal sealed record BalancedWeights(sbyte[] Values, float[] Scales, float[] PlaceScales)
{
    private const int Largest = 127;

    /// <summary>Rows and columns are levelled in turn; the result hardly changes after so many rounds.</summary>
    private const int Rounds = 3;

    /// <summary>Fewer channels than this make the scales of the places weigh too much.</summary>
    private const int FewestChannels = 32;

    /// <summary>Scales of places are kept when they leave at most this share of the squared error.</summary>
    private const double WorthIt = 0.95;

    /// <summary>Quantizes <paramref name="weights"/> along <paramref name="axis"/>.</summary>
    public static BalancedWeights Of(ReadOnlySpan<float> weights, IReadOnlyList<long> extents, int axis)
    {
        var plain = ChannelWeights.Of(weights, extents, axis);
        var alone = new BalancedWeights(plain.Values, plain.Scales, []);
        var channels = (int)extents[axis];
        if (channels < FewestChannels) return alone;

        var inner = (int)extents.Skip(axis + 1).Aggregate(1L, (product, extent) => product * extent);
        var places = new float[weights.Length / channels];
        Array.Fill(places, 1);
        var scales = new float[channels];
        for (var round = 0; round < Rounds; round++)
        {
            Level(weights, scales, places, inner, ofChannels: true);
            if (round < Rounds - 1) Level(weights, scales, places, inner, ofChannels: false);
        }
        for (var channel = 0; channel < channels; channel++) scales[channel] /= Largest;

        var values = new sbyte[weights.Length];
        double balancedError = 0, plainError = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            var (channel, place) = At(i, channels, inner);
            var scale = (double)scales[channel] * places[place];
            values[i] = (sbyte)Math.Clamp(Math.Round(weights[i] / scale), -Largest, Largest);
            var (balanced, usual) = (values[i] * scale - weights[i], plain.Values[i] * (double)plain.Scales[channel] - weights[i]);
            balancedError += balanced * balanced;
            plainError += usual * usual;
        }
        return balancedError <= plainError * WorthIt ? new BalancedWeights(values, scales, places) : alone;
    }

    /// <summary>Makes the largest value of each channel (or place) one, seen through the scales of the places (or channels).</summary>
    private static void Level(ReadOnlySpan<float> weights, float[] scales, float[] places, int inner, bool ofChannels)
    {
        var (levelled, by) = ofChannels ? (scales, places) : (places, scales);
        Array.Clear(levelled);
        for (var i = 0; i < weights.Length; i++)
        {
            var (channel, place) = At(i, scales.Length, inner);
            var (own, other) = ofChannels ? (channel, place) : (place, channel);
            levelled[own] = Math.Max(levelled[own], Math.Abs(weights[i]) / by[other]);
        }
        for (var i = 0; i < levelled.Length; i++)
        {
            // A channel or place of zeros has nothing to scale.
            if (!float.IsNormal(levelled[i] / Largest)) levelled[i] = 1;
        }
    }

    private static (int Channel, int Place) At(int index, int channels, int inner)
        => (index / inner % channels, index / inner / channels * inner + index % inner);
}
