using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>Old models compute the same after they were raised to operator set 13.</summary>
public sealed class OpsetUpgradeTests
{
    [Theory]
    [InlineData("clip")]
    [InlineData("pad")]
    [InlineData("slice")]
    [InlineData("squeeze")]
    [InlineData("sum")]
    [InlineData("upsample")]
    [InlineData("softmax")]
    [InlineData("softmax over three axes")]
    [InlineData("logarithm of softmax over two axes")]
    [InlineData("hardmax over all axes")]
    [InlineData("softmax over two axes from the end")]
    [InlineData("softmax of computed extents")]
    [InlineData("softmax in a branch")]
    [InlineData("dropout")]
    [InlineData("top")]
    public void Operator_computes_what_it_did(string operation)
    {
        using var folder = new ScratchFolder();
        var path = Model(operation).Save(folder);
        var prepared = PreparedModel.From(path, folder.Path);
        Assert.Equal(13, prepared.Model.StandardVersion());
        OnnxFile.Save(prepared.Model, folder.File("new.onnx"));

        var feeds = TinyModels.SamplesFor(OnnxFile.Load(path), 3, seed: 4).Feeds("x");
        using var old = OnnxRuntimeSession.Open(path);
        using var raised = OnnxRuntimeSession.Open(folder.File("new.onnx"));
        var expected = ModelOutputs.Of(old, feeds, TestContext.Current.CancellationToken).Values;
        Assert.NotEmpty(expected);
        Assert.Equal(expected, ModelOutputs.Of(raised, feeds, TestContext.Current.CancellationToken).Values);
    }

    [Fact]
    public void Weights_listed_as_inputs_become_constants()
    {
        using var folder = new ScratchFolder();
        var model = Start().Node("Relu", ["c"], "y").Output("y", 1, 4, 6, 6).Build();
        model.IrVersion = 3;
        foreach (var tensor in model.Graph.Initializer.ToArray())
        {
            var value = model.Graph.Input[0].Clone();
            value.Name = tensor.Name;
            value.Type.TensorType.Shape.Dim.Clear();
            value.Type.TensorType.Shape.Dim.AddRange(
                tensor.Dims.Select(extent => new TensorShapeProto.Types.Dimension { DimValue = extent }));
            model.Graph.Input.Add(value);
        }
        OnnxFile.Save(model, folder.File("old.onnx"));
        var prepared = PreparedModel.From(folder.File("old.onnx"), folder.Path);
        Assert.Equal("x", Assert.Single(prepared.Model.Graph.Input).Name);
        Assert.NotNull(prepared.Graph.Constant("w"));
    }

    [Fact]
    public void Batch_normalization_is_folded_into_the_convolution()
    {
        using var folder = new ScratchFolder();
        var path = Start(17).Constant(Tensors.Of("scale", [1f, 2, 3, 4], 4)).Constant(Tensors.Of("shift", [0f, 1, 0, 1], 4))
            .Constant(Tensors.Of("mean", [0f, 0.5f, 0, 0], 4)).Constant(Tensors.Of("variance", [1f, 1, 2, 1], 4))
            .Node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], "y").Output("y", 1, 4, 6, 6).Save(folder);
        Assert.Equal("Conv", Assert.Single(PreparedModel.From(path, folder.Path).Model.Graph.Node).OpType);
    }

    private static GraphBuilder Model(string operation) => operation switch
    {
        "clip" => Start().Node("Clip", ["c"], "y", node => node.With("min", -0.2f).With("max", 0.3f)).Output("y", 1, 4, 6, 6),
        "pad" => Start().Node("Pad", ["c"], "y", node => node.With("pads", [0L, 0, 1, 2, 0, 0, 1, 0]).With("value", 0.5f))
            .Output("y", 1, 4, 8, 8),
        "slice" => Start().Node("Slice", ["c"], "y", node => node.With("starts", [1L]).With("ends", [5L]).With("axes", [2L]))
            .Output("y", 1, 4, 4, 6),
        "squeeze" => Start().Node("Squeeze", ["c"], "s", node => node.With("axes", [0L]))
            .Node("Unsqueeze", ["s"], "y", node => node.With("axes", [0L, 4L])).Output("y", 1, 4, 6, 6, 1),
        "sum" => Start().Node("ReduceSum", ["c"], "y", node => node.With("axes", [2L, 3L]).With("keepdims", 0)).Output("y", 1, 4),
        "upsample" => Start().Constant(Tensors.Of("scales", [1f, 1, 2, 2], 4))
            .Node("Upsample", ["c", "scales"], "y").Output("y", 1, 4, 12, 12),
        "softmax" => Start().Node("Softmax", ["c"], "y", node => node.With("axis", 3)).Output("y", 1, 4, 6, 6),
        "softmax over three axes" => Start().Node("Softmax", ["c"], "y").Output("y", 1, 4, 6, 6),
        "logarithm of softmax over two axes" =>
            Start().Node("LogSoftmax", ["c"], "y", node => node.With("axis", 2)).Output("y", 1, 4, 6, 6),
        "hardmax over all axes" => Start().Node("Hardmax", ["c"], "y", node => node.With("axis", 0)).Output("y", 1, 4, 6, 6),
        "softmax over two axes from the end" =>
            Start(11).Node("Softmax", ["c"], "y", node => node.With("axis", -2)).Output("y", 1, 4, 6, 6),
        "softmax of computed extents" =>
            Start().Node("Shape", ["c"], "extents").Node("Abs", ["extents"], "same").Node("Reshape", ["c", "same"], "r")
                .Node("Softmax", ["r"], "y", node => node.With("axis", 2)).Output("y", 1, 4, 6, 6),
        "softmax in a branch" =>
            Start().Constant(Tensors.Of("zero", [0f])).Node("ReduceSum", ["c"], "all", node => node.With("keepdims", 0))
                .Node("Greater", ["all", "zero"], "positive")
                .Node("If", ["positive"], "y", node =>
                {
                    node.Attribute.Add(new AttributeProto
                    {
                        Name = "then_branch",
                        Type = AttributeProto.Types.AttributeType.Graph,
                        G = new GraphBuilder().Node("Softmax", ["c"], "p").Output("p", 1, 4, 6, 6).Build().Graph,
                    });
                    node.Attribute.Add(new AttributeProto
                    {
                        Name = "else_branch",
                        Type = AttributeProto.Types.AttributeType.Graph,
                        G = new GraphBuilder().Node("Softmax", ["c"], "q", inner => inner.With("axis", 2))
                            .Output("q", 1, 4, 6, 6).Build().Graph,
                    });
                }).Output("y", 1, 4, 6, 6),
        "dropout" => Start().Node("Dropout", ["c"], "d", node => node.With("ratio", 0.5f)).Node("Relu", ["d"], "y").Output("y", 1, 4, 6, 6),
        _ => Start().Node("TopK", ["c"], "y", node =>
            {
                node.Output.Add("indices");
                node.With("k", 2);
            }).Output("y", 1, 4, 6, 2),
    };

    private static GraphBuilder Start(long opset = 9)
        => new GraphBuilder(opset).Input("x", 1, 3, 6, 6).Weight("w", 4, 3, 3, 3).Weight("b", 4)
            .Node("Conv", ["x", "w", "b"], "c", node => node.With("pads", [1L, 1, 1, 1]));
}
