using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Samples;

public sealed class ModelStateTests
{
    [Fact]
    public void State_flows_from_step_to_step_and_begins_anew_at_each_pass()
    {
        using var session = Open(Sum("state", "stateN"));
        var inputs = ModelInput.Of(session);
        var feeds = ArrayFeeds.From(Steps(1, 2, 3, 4), inputs, "steps", ModelState.Of(session, inputs, []));
        // The outputs of each step: the sum so far, and the same as the next state.
        Assert.Equal([1f, 1, 3, 3, 6, 6, 10, 10], AllOutputs.Of(session, feeds, default).Values);
        Assert.Equal([1f, 1, 3, 3, 6, 6, 10, 10], AllOutputs.Of(session, feeds, default).Values);
    }

    [Fact]
    public void Calibration_sees_the_values_of_the_whole_sequence()
    {
        var model = Sum("state", "stateN");
        using var session = Open(model);
        var inputs = ModelInput.Of(session);
        var feeds = ArrayFeeds.From(Steps(1, 2, 3, 4), inputs, "steps", ModelState.Of(session, inputs, []));
        var histograms = CalibrationRun.Count(model, ["y", "state", "x"], feeds, 1, default);
        Assert.Equal(10, histograms["y"].Maximum);
        Assert.Equal((0, 6), (histograms["state"].Minimum, histograms["state"].Maximum));
        Assert.Equal(4, histograms["x"].Maximum);
        Assert.Equal(6, CalibrationRun.Count(model, ["state"], feeds, 1, default)["state"].Maximum);
    }

    [Fact]
    public void Fewer_steps_of_a_sequence_are_the_first_ones()
    {
        using var session = Open(Sum("state", "stateN"));
        var inputs = ModelInput.Of(session);
        var feeds = ArrayFeeds.From(Steps(1, 2, 3, 4), inputs, "steps", ModelState.Of(session, inputs, []));
        Assert.Equal([1f, 3], AllOutputs.Of(session, new SpreadFeeds(feeds, 2), default).Values.Where((_, i) => i % 2 == 0));
    }

    [Theory]
    [InlineData("state", "stateN")]
    [InlineData("h0", "hn")]
    [InlineData("c_in", "c_out")]
    [InlineData("hidden", "new_hidden")]
    [InlineData("prev_state", "next_state")]
    [InlineData("past_0", "present_0")]
    [InlineData("past_key_values.3.key", "present.3.key")]
    public void State_is_found_by_its_usual_names(string input, string output)
    {
        using var session = Open(Sum(input, output));
        var link = Assert.Single(ModelState.Of(session, ModelInput.Of(session), []).Links);
        Assert.Equal((input, output), (link.Input.Name, link.Output));
    }

    [Theory]
    [InlineData("image_in", "image_out")]
    [InlineData("a", "b")]
    [InlineData("h0", "cn")]
    [InlineData("past_0", "present_1")]
    public void Other_names_are_state_only_when_given(string input, string output)
    {
        using var session = Open(Sum(input, output));
        var inputs = ModelInput.Of(session);
        Assert.Empty(ModelState.Of(session, inputs, []).Links);
        Assert.Equal(output, Assert.Single(ModelState.Of(session, inputs, [new StatePair(input, output)]).Links).Output);
    }

    [Theory]
    [InlineData("stat", "stateN", "the model's inputs are x, state")]
    [InlineData("state", "next", "the model's outputs are y, stateN")]
    [InlineData("number", "y", "cannot be carried")]
    public void Wrong_pair_is_refused_by_what_is_wrong(string input, string output, string expected)
    {
        using var session = Open(Sum("state", "stateN"));
        Assert.Contains(expected,
            Assert.Throws<InvalidDataException>(
                () => ModelState.Of(session, ModelInput.Of(session), [new StatePair(input, output)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scalar_given_once_serves_every_sample_and_state_in_the_samples_is_not_carried()
    {
        using var session = Open(Sum("state", "stateN"));
        var inputs = ModelInput.Of(session);
        var arrays = Steps(1, 2, 3, 4);
        arrays["number"] = NpyArray.Of([3L]);
        arrays["state"] = NpyArray.Of([10f, 20, 30, 40], 4, 1, 1);
        var feeds = ArrayFeeds.From(arrays, inputs, "steps", ModelState.Of(session, inputs, []));
        Assert.Equal([11f, 22, 33, 44], AllOutputs.Of(session, feeds, default).Values.Where((_, i) => i % 2 == 0));
    }

    [Theory]
    [InlineData(float.NaN, "array 'x' holds NaN in sample 2")]
    [InlineData(float.PositiveInfinity, "array 'x' holds Infinity in sample 2")]
    public void Value_that_is_not_a_number_is_refused_by_its_place(float value, string expected)
    {
        using var session = Open(Sum("state", "stateN"));
        var inputs = ModelInput.Of(session);
        Assert.Contains(expected,
            Assert.Throws<InvalidDataException>(() =>
                ArrayFeeds.From(Steps(1, 2, value, 4), inputs, "steps", ModelState.Of(session, inputs, []))).Message,
                    StringComparison.Ordinal);
    }

    [Fact]
    public void Fractions_for_an_input_of_integers_are_refused()
    {
        using var session = Open(Sum("state", "stateN"));
        var inputs = ModelInput.Of(session);
        var arrays = Steps(1, 2);
        arrays["number"] = NpyArray.Of([0.5f, 1], 2);
        Assert.Contains("'number' holds 0.5",
            Assert.Throws<InvalidDataException>(() => ArrayFeeds.From(arrays, inputs, "steps", ModelState.Of(session, inputs, []))).Message,
            StringComparison.Ordinal);
    }

    /// <summary>y = x + state; the next state is y. A scalar of integers is there for company.</summary>
    private static ModelProto Sum(string state, string next)
    {
        var model = new GraphBuilder().Input("x", 1, 1).Input(state, 1, 1).Node("Add", ["x", state], "y").Node("Identity", ["y"], next)
            .Output("y", 1, 1).Output(next, 1, 1).Build();
        model.Graph.Input.Add(new ValueInfoProto
        {
            Name = "number",
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Int64, Shape = new TensorShapeProto() },
            },
        });
        return model;
    }

    private static Dictionary<string, NpyArray> Steps(params float[] values)
        => new() { ["x"] = NpyArray.Of(values, values.Length, 1), ["number"] = NpyArray.Of([16000L], 1) };

    private static InferenceSession Open(ModelProto model) => OnnxRuntimeSession.Open(model.ToByteArray(), "sum");

    [Fact]
    public void Past_of_a_decoder_is_empty_at_first_and_grows_only_where_nothing_else_must_grow_with_it()
    {
        // present = past with the new rows behind it; the output is how many rows there are.
        ModelProto Decoder(bool mask)
        {
            var builder = new GraphBuilder().Input("x", 1, 2, 4).Input("past_0", 1, -1, 4)
                .Node("Concat", ["past_0", "x"], "present_0", node => node.With("axis", 1));
            if (mask) builder.Input("attention_mask", 1, 2);
            return builder.Node("ReduceSum", ["present_0"], "y").Output("y", 1, 1, 1).Output("present_0", 1, -1, 4).Build();
        }
        float[] Sums(ModelProto model, bool mask)
        {
            using var session = Open(model);
            var inputs = ModelInput.Of(session);
            var arrays = new Dictionary<string, NpyArray> { ["x"] = NpyArray.Of([.. Enumerable.Repeat(1f, 24)], 3, 1, 2, 4) };
            if (mask) arrays["attention_mask"] = NpyArray.Of(new float[6], 3, 1, 2);
            var values = AllOutputs.Of(session, ArrayFeeds.From(arrays, inputs, "steps", ModelState.Of(session, inputs, [])), default);
            return [.. values.Values.Where(value => value > 1)];
        }
        Assert.Equal([8f, 16, 24], Sums(Decoder(mask: false), mask: false));
        Assert.Equal([8f, 8, 8], Sums(Decoder(mask: true), mask: true));
    }
}
