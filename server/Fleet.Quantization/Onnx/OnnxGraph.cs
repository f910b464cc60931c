using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// An index over a model's graphs, the main one and those inside its nodes: who makes a value, who reads it, what is constant.
/// Names must be unique across them, as in a prepared model; where they are not, the outer value is found. It does not follow
/// changes: rewriting makes a new model and, where needed, a new index.
/// </summary>
internal sealed partial class OnnxGraph
{
    private readonly Dictionary<string, NodeProto> _producers = [];
    private readonly Dictionary<string, List<NodeProto>> _consumers = [];
    private readonly Dictionary<string, TensorProto> _constants = [];
    private readonly Dictionary<string, TypeProto> _types = [];
    private readonly HashSet<string> _inputs;
    private readonly HashSet<string> _outputs;
    private readonly HashSet<string> _names = [];

    public OnnxGraph(ModelProto model)
    {
        Model = model;
        _inputs = [.. Graph.Input.Select(input => input.Name)];
        _outputs = [.. Scopes.Of(Graph).SelectMany(graph => graph.Output).Select(output => output.Name)];
        foreach (var graph in Scopes.Of(Graph)) Add(graph);
    }

    /// <summary>The model.</summary>
    public ModelProto Model { get; }

    /// <summary>Its main graph.</summary>
    public GraphProto Graph => Model.Graph;

    /// <summary>The node that makes a value; null for inputs and constants.</summary>
    public NodeProto? ProducerOf(string value) => _producers.GetValueOrDefault(value);

    /// <summary>The nodes that read a value, those that read it inside a subgraph included.</summary>
    public IReadOnlyList<NodeProto> ConsumersOf(string value) => _consumers.TryGetValue(value, out var readers) ? readers : [];

    /// <summary>The only reader of a value that is not an output of a graph; otherwise null.</summary>
    public NodeProto? OnlyConsumerOf(string value) => !IsOutput(value) && ConsumersOf(value) is [var only] ? only : null;

    /// <summary>The constant of that name, or null.</summary>
    public TensorProto? Constant(string? value) => value is null ? null : _constants.GetValueOrDefault(value);

    /// <summary>True for an output of the graph, or of one inside its nodes.</summary>
    public bool IsOutput(string value) => _outputs.Contains(value);

    /// <summary>True for an input of the graph.</summary>
    public bool IsInput(string value) => _inputs.Contains(value);

    /// <summary>The declared or inferred type of a value, or null.</summary>
    public TypeProto? TypeOf(string value) => _types.GetValueOrDefault(value);

    /// <summary>Axes of a value, or null when nobody said.</summary>
    public int? RankOf(string value)
        => _constants.TryGetValue(value, out var constant) ? constant.Dims.Count : TypeOf(value)?.TensorType?.Shape?.Dim.Count;

    /// <summary>First outputs of the operators that make features of what an application gives (<see cref="FrontEndMark"/>).</summary>
    public IReadOnlySet<string> FrontEnd => field ??= FrontEndMark.Of(this);

    /// <summary>Every name taken by a value, those inside subgraphs included.</summary>
    public IReadOnlySet<string> Names => _names;

    /// <summary>What a node reads: its inputs and what its subgraphs take from outside.</summary>
    public static IEnumerable<string> ValuesReadBy(NodeProto node)
        => node.Input.Where(input => input.Length > 0).Concat(node.Subgraphs().SelectMany(CapturedBy));

    /// <summary>
    /// Makes a node, and what its subgraphs take from outside, read <paramref name="to"/> in place of <paramref name="from"/>.
    /// </summary>
    public static void Rewire(NodeProto node, string from, string to)
    {
        for (var i = 0; i < node.Input.Count; i++)
        {
            if (node.Input[i] == from) node.Input[i] = to;
        }
        foreach (var graph in node.Subgraphs().Where(graph => CapturedBy(graph).Contains(from)))
        {
            foreach (var inner in graph.Node) Rewire(inner, from, to);
            foreach (var output in graph.Output.Where(output => output.Name == from)) output.Name = to;
        }
    }

    private static IEnumerable<string> CapturedBy(GraphProto graph)
    {
        var own = new HashSet<string>(graph.Input.Select(input => input.Name).Concat(graph.Initializer.Select(tensor => tensor.Name))
            .Concat(graph.Node.SelectMany(node => node.Output)));
        return graph.Node.SelectMany(ValuesReadBy).Concat(graph.Output.Select(output => output.Name)).Where(value => !own.Contains(value));
    }

    private void Add(GraphProto graph)
    {
        foreach (var value in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo).Where(value => value.Type is not null))
            _types.TryAdd(value.Name, value.Type);
        foreach (var tensor in graph.Initializer)
        {
            // An initializer that is also an input is a default a caller may replace: no constant.
            if (!_inputs.Contains(tensor.Name)) _constants.TryAdd(tensor.Name, tensor);
        }
        var own = new HashSet<string>(graph.Input.Select(input => input.Name).Concat(graph.Initializer.Select(tensor => tensor.Name))
            .Concat(graph.Node.SelectMany(node => node.Output)));
        _names.UnionWith(own);
        foreach (var node in graph.Node)
        {
            foreach (var output in node.Output.Where(output => output.Length > 0)) _producers.TryAdd(output, node);
            // What an inner graph takes from outside is read, out there, by the node that carries the graph.
            foreach (var input in ValuesReadBy(node).Distinct().Where(input => graph == Graph || own.Contains(input)))
            {
                if (!_consumers.TryGetValue(input, out var readers)) _consumers[input] = readers = [];
                readers.Add(node);
            }
        }
    }
}
