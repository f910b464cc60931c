using Fleet.Quantization.Onnx.Protos;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Makes values inside <c>If</c>, <c>Loop</c> and <c>Scan</c> values of the main graph, which are all that the runtime shows. Each leaves
/// its graph as a further output of the node that carries it: a branch that is not taken is answered for by the other one with no numbers,
/// a Loop strings together what its turns write, a Scan stacks it.
/// </summary>
internal sealed class InnerValues
{
    private readonly HashSet<string> _wanted;
    private readonly HashSet<string> _taken;
    private readonly DataType _type;

    private InnerValues(IEnumerable<string> wanted, IEnumerable<string> taken, DataType type)
        => (_wanted, _taken, _type) = ([.. wanted], [.. taken], type);

    /// <summary>
    /// Changes <paramref name="model"/> so that its main graph has every value; returns what each is called there. Left out are those of
    /// which a Scan, whose outputs have one shape in all its turns, could not say how many numbers come: of graphs within its body.
    /// </summary>
    /// <param name="model">A model whose names are unique across its graphs.</param>
    /// <param name="values">Values of any of its graphs.</param>
    /// <param name="type">Their type.</param>
    public static IReadOnlyDictionary<string, string> Show(
        ModelProto model, IEnumerable<string> values, DataType type = DataType.Float)
        => new InnerValues(values, new OnnxGraph(model).Names, type).In(model.Graph).ToDictionary(pair => pair.Value, pair => pair.Here);

    /// <summary>The wanted values of a graph and of all within it, each with its name in that graph.</summary>
    private List<(string Value, string Here)> In(GraphProto graph)
    {
        var known = OwnOf(graph);
        foreach (var node in graph.Node.ToArray())
        {
            if (node.Is("If")) known.AddRange(OfIf(node));
            else if (node.Is("Loop")) known.AddRange(OfLoop(node, graph));
            else if (node.Is("Scan")) known.AddRange(OfScan(node));
        }
        return known;
    }

    private List<(string Value, string Here)> OwnOf(GraphProto graph)
        => [
            .. graph.Input.Select(input => input.Name).Concat(graph.Node.SelectMany(node => node.Output)).Where(_wanted.Contains)
                .Select(value => (value, value)),
        ];

    private IEnumerable<(string, string)> OfIf(NodeProto node)
    {
        GraphProto[] branches = [node.Find("then_branch")!.G, node.Find("else_branch")!.G];
        foreach (var branch in branches)
        {
            foreach (var (value, here) in In(branch))
            {
                foreach (var one in branches) one.Output.Add(Output(one == branch ? Named(here, one) : Nothing(one)));
                yield return (value, Outside(node, node.Output.Count));
            }
        }
    }

    private IEnumerable<(string, string)> OfLoop(NodeProto node, GraphProto graph)
    {
        var body = node.Find("body")!.G;
        foreach (var (value, here) in In(body))
        {
            // Turns may write different shapes, which what a body carries may have and what it stacks may not. Carried are the values after
            // the turn's number and condition, and come out before those that are stacked.
            var carried = body.Input.Count - 2;
            var (before, flat, after) = (New(), New(), New());
            body.Input.Add(Output(before));
            body.Node.Add(Nodes.Node("Reshape", [here, Constant(body, Tensors.Of("", [-1L], 1))], [flat]));
            body.Node.Add(Nodes.Node("Concat", [before, flat], [after]).With("axis", 0));
            body.Output.Insert(1 + carried, Output(after));
            node.Input.Add(Nothing(graph));
            yield return (value, Outside(node, carried));
        }
    }

    private IEnumerable<(string, string)> OfScan(NodeProto node)
    {
        var body = node.Find("body")!.G;
        foreach (var (value, here) in OwnOf(body))
        {
            body.Output.Add(Output(Named(here, body)));
            foreach (var named in new[] { "scan_output_axes", "scan_output_directions" }) node.Find(named)?.Ints.Add(0);
            yield return (value, Outside(node, node.Output.Count));
        }
    }

    /// <summary>A value under a name that its graph does not write as an output, or take as an input, already.</summary>
    private string Named(string value, GraphProto graph)
    {
        if (!graph.Output.Concat(graph.Input).Any(one => one.Name == value)) return value;
        var name = New();
        graph.Node.Add(Nodes.Node("Identity", [value], [name]));
        return name;
    }

    private string Outside(NodeProto node, int place)
    {
        var name = New();
        node.Output.Insert(place, name);
        return name;
    }

    private string Nothing(GraphProto graph) => Constant(graph, Tensors.Create("", _type, [], [0]));

    private string Constant(GraphProto graph, TensorProto tensor)
    {
        var name = New();
        var constant = Nodes.Node("Constant", [], [name]);
        constant.Attribute.Add(new AttributeProto { Name = "value", Type = AttributeType.Tensor, T = tensor });
        graph.Node.Add(constant);
        return name;
    }

    private string New() => Nodes.NewName("shown", _taken);

    private ValueInfoProto Output(string name) => new()
    {
        Name = name,
        Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)_type } },
    };
}
