using System.Numerics.Tensors;

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
        for (var from = 0; from < weights.Length; from += inner)
        {
            var (channel, first) = (from / inner % channels, from / inner / channels * inner);
            var (ofChannel, ofPlain) = ((double)scales[channel], (double)plain.Scales[channel]);
            for (var i = from; i < from + inner; i++)
            {
                var scale = ofChannel * places[first + i - from];
                values[i] = (sbyte)Math.Clamp(Math.Round(weights[i] / scale), -Largest, Largest);
                var (balanced, usual) = (values[i] * scale - weights[i], plain.Values[i] * ofPlain - weights[i]);
                balancedError += balanced * balanced;
                plainError += usual * usual;
            }
        }
        return balancedError <= plainError * WorthIt ? new BalancedWeights(values, scales, places) : alone;
    }

    /// <summary>Makes the largest value of each channel (or place) one, seen through the scales of the places (or channels).</summary>
    private static void Level(ReadOnlySpan<float> weights, float[] scales, float[] places, int inner, bool ofChannels)
    {
        var (levelled, by) = ofChannels ? (scales, places) : (places, scales);
        Array.Clear(levelled);
        // Where a channel's weights lie apart, a row of all channels is one place.
        var length = inner == 1 ? scales.Length : inner;
        var magnitudes = new float[length];
        for (var from = 0; from < weights.Length; from += length)
        {
            TensorPrimitives.Abs(weights.Slice(from, length), magnitudes);
            var (one, many) = inner == 1 ? (from / length, 0) : (from / inner % scales.Length, from / inner / scales.Length * inner);
            // Of a run, one of both is the same throughout: the place where the channel is not, and the channel where the place is not.
            if (inner == 1 == ofChannels)
            {
                TensorPrimitives.Divide(magnitudes, by[one], magnitudes);
                var own = levelled.AsSpan(many, length);
                TensorPrimitives.Max(own, magnitudes, own);
            }
            else
            {
                TensorPrimitives.Divide(magnitudes, by.AsSpan(many, length), magnitudes);
                levelled[one] = Math.Max(levelled[one], TensorPrimitives.Max<float>(magnitudes));
            }
        }
        for (var i = 0; i < levelled.Length; i++)
        {
            // A channel or place of zeros has nothing to scale.
            if (!float.IsNormal(levelled[i] / Largest)) levelled[i] = 1;
        }
    }
}
