using CsCheck;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Tests.Weights;

public sealed class ChannelWeightsTests
{
    [Fact]
    public void Each_channel_uses_its_own_full_range()
    {
        var quantized = ChannelWeights.Of([1f, -0.5f, 100f, 25f], [2, 2], axis: 0);
        Assert.Equal([127, -64, 127, 32], quantized.Values.Select(value => (int)value));
        Assert.Equal([1f / 127, 100f / 127], quantized.Scales);
    }

    [Fact]
    public void Channels_along_the_last_axis_are_columns()
    {
        var quantized = ChannelWeights.Of([1f, 100f, -0.5f, 25f], [2, 2], axis: 1);
        Assert.Equal([127, 127, -64, 32], quantized.Values.Select(value => (int)value));
    }

    [Fact]
    public void Channel_of_zeros_stays_zero()
        => Assert.Equal([0, 0], ChannelWeights.Of([0f, 0f], [1, 2], axis: 0).Values.Select(value => (int)value));

    [Fact]
    public void Lower_bound_on_a_scale_is_kept()
        => Assert.Equal([0.5f, 1f / 127], ChannelWeights.Of([1f, 1f], [2, 1], axis: 0, [0.5f, 0f]).Scales);

    [Fact]
    public void Nothing_moves_by_more_than_half_a_scale_and_minus_128_is_never_used()
        => Gen.Float[-10, 10].Array[24].Sample(weights =>
        {
            var quantized = ChannelWeights.Of(weights, [2, 3, 4], axis: 1);
            return quantized.Values.Index().All(pair => pair.Item >= -127
                && Math.Abs(pair.Item * (double)quantized.Scales[pair.Index / 4 % 3] - weights[pair.Index])
                    <= quantized.Scales[pair.Index / 4 % 3] * 0.5001);
        });
}
