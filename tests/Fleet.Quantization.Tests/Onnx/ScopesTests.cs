using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Onnx;

public sealed class ScopesTests
{
    [Fact]
    public void Names_of_branches_become_unique_and_the_model_computes_the_same()
    {
        var model = Branches(sameWeights: false);
        var before = (Run(model, true), Run(model, false));
        Scopes.MakeNamesUnique(model.Graph);
        string[] names = [
            .. Scopes.Of(model.Graph)
                .SelectMany(graph => graph.Initializer.Select(tensor => tensor.Name).Concat(graph.Node.SelectMany(node => node.Output))),
        ];
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.Equal(before, (Run(model, true), Run(model, false)));
        Assert.NotEqual(before.Item1, before.Item2);
    }

    [Fact]
    public void Weights_that_two_branches_hold_alike_are_kept_once()
    {
        var model = Branches(sameWeights: true);
        var (before, size) = (Run(model, false), model.CalculateSize());
        Scopes.MakeNamesUnique(model.Graph);
        Scopes.ShareConstants(model.Graph);
        Assert.Equal(before, Run(model, false));
        Assert.Equal(["w"], model.Graph.Initializer.Select(tensor => tensor.Name));
        Assert.InRange(model.CalculateSize(), 1, size - 16 * 16 * sizeof(float) + 64);
    }

    [Fact]
    public void Index_knows_what_lies_inside_nodes()
    {
        var model = Branches(sameWeights: false);
        Scopes.MakeNamesUnique(model.Graph);
        var graph = new OnnxGraph(model);
        Assert.Equal(["MatMul", "MatMul"],
            Scopes.NodesOf(model.Graph).Where(node => graph.Constant(node.InputAt(1)) is not null).Select(node => node.OpType));
        Assert.All(Scopes.NodesOf(model.Graph), node => Assert.Same(node, graph.ProducerOf(node.Output[0])));
        // Out here, what a branch takes from outside is read by the node that carries the branch.
        Assert.Equal("If", Assert.Single(graph.ConsumersOf("x")).OpType);
    }

    /// <summary>An If both of whose branches multiply with a weight called <c>w</c> and call their result <c>z</c>.</summary>
    internal static ModelProto Branches(bool sameWeights)
    {
        var model = new GraphBuilder().Input("x", 1, 16).Output("y", 1, 16).Build();
        model.Graph.Input.Add(new ValueInfoProto
        {
            Name = "flag",
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Bool, Shape = new TensorShapeProto() },
            },
        });
        GraphProto Branch(int seed)
        {
            var random = new Random(seed);
            var graph = new GraphProto
            {
                Name = $"branch{seed}",
                Output = { new ValueInfoProto { Name = "z", Type = model.Graph.Output[0].Type.Clone() } },
            };
            graph.Initializer.Add(Tensors.Of("w", [.. Enumerable.Range(0, 256).Select(_ => random.NextSingle() - 0.5f)], 16, 16));
            graph.Node.Add(Nodes.Node("MatMul", ["x", "w"], ["z"]));
            return graph;
        }
        var node = Nodes.Node("If", ["flag"], ["y"]);
        node.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeType.Graph, G = Branch(1) });
        node.Attribute.Add(new AttributeProto { Name = "else_branch", Type = AttributeType.Graph, G = Branch(sameWeights ? 1 : 2) });
        model.Graph.Node.Add(node);
        return model;
    }

    private static string Run(ModelProto model, bool flag)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "branches");
        using var x = OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, 16).Select(i => (float)i)], [1, 16]);
        using var condition = OrtValue.CreateTensorValueFromMemory([flag], []);
        using var options = new RunOptions();
        using var results = session.Run(options, ["x", "flag"], [x, condition], ["y"]);
        return string.Join(' ', results[0].GetTensorDataAsSpan<float>().ToArray());
    }
}
