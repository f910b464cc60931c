using Fleet.Contracts.Tensors;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Tests.Samples;

public sealed class UnreadArraysTests
{
    private static readonly NpyArray Values = NpyArray.Of(new float[8], 4, 2), Labels = NpyArray.Of(new long[4], 4);

    [Fact]
    public void Array_that_is_neither_input_nor_label_is_named()
    {
        Assert.Equal(["label"], Read(("x", Values), ("label", Labels)).Unread);
        Assert.Empty(Read(("x", Values), ("labels", Labels)).Unread);
    }

    [Fact]
    public void Array_alone_is_the_input_whatever_its_name() => Assert.Empty(Read(("foo", Values), ("labels", Labels)).Unread);

    private static ArrayFeeds Read(params (string Name, NpyArray Array)[] arrays) => ArrayFeeds.From(
        arrays.ToDictionary(one => one.Name, one => one.Array), [new ModelInput("x", TensorElementType.Float, [-1, 2], ["", ""])], "d");
}
