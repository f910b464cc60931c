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
        Reverse(unsorted.Graph);
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
    public void Operators_of_a_branch_and_of_a_branch_within_it_are_sorted_too()
    {
        var model = ScopesTests.Branches(sameWeights: false);
        var outer = model.Graph.Node[0].Attribute[0].G;
        var within = ScopesTests.Branches(sameWeights: false).Graph.Node[0];
        within.Output[0] = "deep";
        var inner = within.Attribute[1].G;
        inner.Node.Insert(0, Nodes.Node("Neg", ["z"], ["negative"]));
        inner.Output[0].Name = "negative";
        outer.Node.Insert(0, Nodes.Node("Add", ["deep", "z"], ["sum"]));
        outer.Node.Add(within);
        outer.Output[0].Name = "sum";
        Assert.NotEmpty(OnnxGraph.ProblemsOf(model.Graph));
        NodeOrder.Sort(model.Graph);
        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        Assert.Equal(["MatMul", "If", "Add"], outer.Node.Select(node => node.OpType));
        Assert.Equal(["MatMul", "Neg"], inner.Node.Select(node => node.OpType));
    }

    [Fact]
    public void Cycle_is_refused_by_the_operators_in_it_and_not_by_what_waits_for_it()
    {
        var model = new GraphBuilder().Input("x", 1, 4).Node("Sin", ["b"], "late").Node("Add", ["x", "b"], "a").Node("Relu", ["a"], "b")
            .Node("Tanh", ["x"], "t").Output("late", 1, 4).Build();
        NodeOrder.Sort(model.Graph);
        Assert.Equal(["Tanh", "Sin", "Add", "Relu"], model.Graph.Node.Select(node => node.OpType));
        using var folder = new ScratchFolder();
        OnnxFile.Save(model, folder.File("m.onnx"));
        var refusal = Assert.Throws<InvalidDataException>(() => PreparedModel.Read(folder.File("m.onnx"))).Message;
        Assert.Contains("wait for each other in a circle: ", refusal, StringComparison.Ordinal);
        Assert.Contains("Relu of b", refusal, StringComparison.Ordinal);
        Assert.Contains("Add of a", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain("Sin", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Cycle_through_a_branch_is_refused_by_the_operator_that_carries_it()
    {
        var model = ScopesTests.Branches(sameWeights: false);
        var branching = model.Graph.Node[0];
        model.Graph.Node.Add(Nodes.Node("Neg", [branching.Output[0]], ["late"]));
        branching.Attribute[0].G.Node[0].Input[0] = "late";
        NodeOrder.Sort(model.Graph);
        var problem = OnnxGraph.ProblemsOf(model.Graph)[0];
        Assert.Contains("in a circle", problem, StringComparison.Ordinal);
        Assert.Contains("Neg of late", problem, StringComparison.Ordinal);
    }

    private static void Reverse(GraphProto graph)
    {
        NodeProto[] nodes = [.. graph.Node.Reverse()];
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
    }

    private static ModelProto Chain() => new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 8)
        .Node("MatMul", ["x", "w"], "m").Node("Relu", ["m"], "r").Node("Tanh", ["r"], "t")
        .Node("Add", ["t", "m"], "y").Output("y", -1, 8).Build();
}
