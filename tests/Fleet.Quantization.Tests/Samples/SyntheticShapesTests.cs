using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Tests.Samples;

/// <summary>Shapes of made-up samples: as given, or what the model runs with.</summary>
public sealed class SyntheticShapesTests
{
    [Fact]
    public void Free_axis_grows_until_the_model_runs()
    {
        // A reflection of 70 values needs more than 70 of them, and 64 is the second that is tried.
        var window = new GraphBuilder().Input("x", 1, -1).Constant(Tensors.Of("pads", [0L, 70, 0, 70], 4))
            .Node("Pad", ["x", "pads"], "p", node => node.With("mode", "reflect")).Node("Tanh", ["p"], "y").Output("y", 1, -1);
        Assert.Equal(["x=1x128"], Of(window));
    }

    [Fact]
    public void Free_picture_is_224_a_side()
        => Assert.Equal(["x=1x3x224x224"], Of(Picture));

    [Fact]
    public void Signal_without_a_batch_grows_too()
    {
        var wave = new GraphBuilder().Input("x", -1).Constant(Tensors.Of("pads", [70L, 70], 2))
            .Node("Pad", ["x", "pads"], "p", node => node.With("mode", "reflect")).Node("Tanh", ["p"], "y").Output("y", -1);
        Assert.Equal(["x=128"], Of(wave));
    }

    // A free axis of the builder is called N wherever it stands.
    [Theory]
    [InlineData(new[] { "ids=1x32", "mask=1x32" }, new string[0])]
    [InlineData(new[] { "ids=1x48", "mask=1x48" }, new[] { "ids=1x48" })]
    [InlineData(new[] { "ids=1x7", "mask=1x7" }, new[] { "mask=1x7" })]
    public void Axes_of_one_name_have_one_extent(string[] expected, string[] given)
        => Assert.Equal(expected,
            Of(new GraphBuilder().Input("ids", 1, -1).Input("mask", 1, -1).Node("Mul", ["ids", "mask"], "y").Output("y", 1, -1), given));

    [Fact]
    public void Mask_of_a_picture_is_as_large_as_the_picture()
        => Assert.Equal(["mask=1x224x224", "image=1x3x224x224"],
            Of(new GraphBuilder().Input("mask", 1, -1, -1).Input("image", 1, 3, -1, -1)
                .Node("Mul", ["image", "mask"], "y").Output("y", 1, 3, -1, -1)));

    [Fact]
    public void Carried_state_takes_no_shape()
    {
        using var folder = new ScratchFolder();
        using var session = OnnxRuntimeSession.Open(new GraphBuilder().Input("x", 1, 4).Input("state", 1, -1)
            .Node("Add", ["x", "state"], "stateN").Node("Relu", ["stateN"], "y").Output("y", 1, 4).Output("stateN", 1, 4).Save(folder));
        var inputs = ModelInput.Of(session);
        var state = ModelState.Of(session, inputs, [new StatePair("state", "stateN")]);
        Assert.Equal(["x=1x4"], SyntheticShapes.Of(session, inputs, state, []).Given(state).Select(shape => shape.ToString()));
        Assert.Contains("'state' is state",
            Assert.Throws<InvalidDataException>(
                () => SyntheticShapes.Of(session, inputs, state, [new InputShape("state", [1, 4])])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Given_shape_is_taken()
        => Assert.Equal(["x=1x3x48x96"], Of(Picture, "x=1x3x48x96"));

    [Fact]
    public void Model_that_runs_with_none_keeps_the_usual_shape_for_its_message()
    {
        var narrow = new GraphBuilder().Input("x", 1, -1).Weight("w", 5, 4).Node("MatMul", ["x", "w"], "y").Output("y", 1, 4);
        Assert.Equal(["x=1x32"], Of(narrow));
    }

    [Theory]
    [InlineData("z=1x3x8x8", "the model's inputs are x")]
    [InlineData("x=1x4x8x8", "does not fit input 'x' Float (1, 3, any, any)")]
    [InlineData("x=1x3x8", "does not fit")]
    [InlineData("x=1x3x100000x100000", "more than 67108864 numbers")]
    public void Shape_that_is_not_of_the_model_is_refused(string shape, string expected)
        => Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Of(Picture, shape)).Message, StringComparison.Ordinal);

    [Fact]
    public void Shape_given_twice_is_refused()
        => Assert.Contains("twice", Assert.Throws<InvalidDataException>(() => Of(Picture, "x=1x3x8x8", "x=1x3x9x9")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Made_up_numbers_are_rows_of_the_table_they_are_looked_up_in_and_masks_hide_nothing()
    {
        ModelInput[] inputs = [
            new("ids", TensorElementType.Int64, [1, 200], ["", ""]) { Table = new LookupTable("t", 1000) },
            new("types", TensorElementType.Int64, [1, 200], ["", ""]) { Table = new LookupTable("u", 2) },
            new("attention_mask", TensorElementType.Int64, [1, 200], ["", ""]),
        ];
        using var feed = new SyntheticFeeds(inputs, 1, seed: 1).Batches(1).Single();
        long[][] values = [.. feed.Values.Select(value => value.GetTensorDataAsSpan<long>().ToArray())];
        Assert.InRange(values[0].Max(), 500, 999);
        Assert.Equal([0L, 1], values[1].Distinct().Order());
        Assert.All(values[2], value => Assert.Equal(1, value));
    }

    [Theory]
    [InlineData("src_key_padding_mask", TensorElementType.Int64, new[] { 0L })]
    [InlineData("pad_mask", TensorElementType.Bool, new[] { 0L })]
    [InlineData("attn_mask", TensorElementType.Bool, new[] { 0L, 1 })] // exporters do not agree on what hides
    public void Mask_of_padding_marks_none(string name, TensorElementType type, long[] expected)
    {
        ModelInput input = new(name, type, [1, 100], ["", ""]);
        using var feed = new SyntheticFeeds([input], 1, seed: 1).Batches(1).Single();
        var value = feed.Values.Single();
        long[] values = type == TensorElementType.Bool
            ? [.. value.GetTensorDataAsSpan<bool>().ToArray().Select(one => one ? 1L : 0)]
            : value.GetTensorDataAsSpan<long>().ToArray();
        Assert.Equal(expected, values.Distinct().Order());
    }

    private static GraphBuilder Picture => new GraphBuilder().Input("x", 1, 3, -1, -1).Node("Relu", ["x"], "y").Output("y", 1, 3, -1, -1);

    private static IReadOnlyList<string> Of(GraphBuilder model, params string[] given)
    {
        using var folder = new ScratchFolder();
        using var session = OnnxRuntimeSession.Open(model.Save(folder));
        InputShape[] shapes = [
            .. given.Select(text => InputShape.TryParse(text, out var shape) ? shape : throw new ArgumentException(text)),
        ];
        return [
            .. SyntheticShapes.Of(session, ModelInput.Of(session), ModelState.None, shapes).Given(ModelState.None)
                .Select(shape => shape.ToString()),
        ];
    }
}
