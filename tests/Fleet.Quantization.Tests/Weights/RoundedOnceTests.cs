using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Tests.Weights;

/// <summary>Weights that are rounded once for many models.</summary>
public sealed class RoundedOnceTests
{
    [Fact]
    public void Copies_of_a_weight_are_rounded_once_and_another_weight_or_way_anew()
    {
        var rounded = 0;
        string Round() => $"{++rounded}";
        var weight = Tensors.Of("w", [1f, 2f], 2);
        Assert.Equal("1", RoundedOnce.Of(weight, ("rows", 0), Round));
        Assert.Equal("1", RoundedOnce.Of(weight.Clone(), ("rows", 0), Round));
        Assert.Equal("2", RoundedOnce.Of(weight, ("rows", 1), Round));
        // Equal values in another place need not stay equal.
        Assert.Equal("3", RoundedOnce.Of(Tensors.Of("w", [1f, 2f], 2), ("rows", 0), Round));
    }

    [Fact]
    public void Weight_that_is_no_run_of_bytes_is_rounded_each_time()
    {
        var weight = Tensors.Of("w", [1f, 2f], 2);
        weight.ClearRawData();
        weight.FloatData.AddRange([1f, 2f]);
        var rounded = 0;
        string Round() => $"{++rounded}";
        Assert.Equal("1", RoundedOnce.Of(weight, 0, Round));
        Assert.Equal("2", RoundedOnce.Of(weight, 0, Round));
    }
}
