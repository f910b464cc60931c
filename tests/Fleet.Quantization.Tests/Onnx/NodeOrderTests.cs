using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>Operators in an order in which they can be run, as ONNX Runtime sorts them.</summary>
public sealed class NodeOrderTests
{
    [Fact]
    public void Model_with_its_operators_in_any_order_is_prepared_as_the_one_in_order()
    {
        using var folder = new ScratchFolder();
        var sorted = Chain();
        var unsorted = Chain();
        NodeProto[] nodes = [.. unsorted.Graph.Node.Reverse()];
        unsorted.Graph.Node.Clear();
        unsorted.Graph.Node.AddRange(nodes);
        OnnxFile.Save(sorted, folder.File("sorted.onnx"));
        OnnxFile.Save(unsorted, folder.File("unsorted.onnx"));
        string[] Prepared(string name)
            => [.. PreparedModel.From(folder.File(name), folder.File("work")).Model.Graph.Node.Select(node => node.OpType)];
        Assert.Equal(Prepared("sorted.onnx"), Prepared("unsorted.onnx"));
        Assert.Equal(["MatMul", "Relu", "Tanh", "Add"], OnnxFile.Load(folder.File("unsorted.onnx")).Graph.Node.Select(node => node.OpType));
    }

    [Fact]
    public void What_is_in_order_stays_as_it_is()
    {
        var model = Chain();
        NodeProto[] before = [.. model.Graph.Node];
        NodeOrder.Sort(model.Graph);
        Assert.Equal(before, model.Graph.Node);
    }

    [Fact]
    public void What_a_branch_takes_from_outside_comes_before_it()
    {
        var model = ScopesTests.Branches(sameWeights: false);
        var (made, read) = (Nodes.Node("Identity", ["x"], ["early"]), model.Graph.Node[0].Attribute[0].G.Node[0]);
        read.Input[0] = "early";
        model.Graph.Node.Add(made);
        NodeOrder.Sort(model.Graph);
        Assert.True(model.Graph.Node.IndexOf(made) < model.Graph.Node.Index().First(node => node.Item.OpType == "If").Index);
    }

    [Fact]
    public void Cycle_is_left_for_the_checks_to_name()
    {
        var model = new GraphBuilder().Input("x", 1, 4).Node("Add", ["x", "b"], "a").Node("Relu", ["a"], "b")
            .Node("Tanh", ["x"], "t").Output("b", 1, 4).Build();
        NodeOrder.Sort(model.Graph);
        Assert.Equal(["Tanh", "Add", "Relu"], model.Graph.Node.Select(node => node.OpType));
        Assert.Contains("reads 'b', which nothing before it makes",
            Assert.Single(OnnxGraph.ProblemsOf(model.Graph)), StringComparison.Ordinal);
    }

    private static ModelProto Chain() => new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 8)
        .Node("MatMul", ["x", "w"], "m").Node("Relu", ["m"], "r").Node("Tanh", ["r"], "t")
        .Node("Add", ["t", "m"], "y").Output("y", -1, 8).Build();
}
