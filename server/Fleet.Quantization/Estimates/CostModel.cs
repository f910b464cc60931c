using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Estimates;

/// <summary>
/// How long a model takes on processors that are not here, as an estimate: its operators as the runtime fuses them, each by what the
/// profile has kernels for and what it moves. Only ratios between forms of one model mean something.
/// </summary>
/// <param name="profile">The processors.</param>
/// <param name="samples">What the model is run on once, here, for the shapes of its values.</param>
internal sealed class CostModel(HardwareProfile profile, IFeedSource samples)
{
    /// <summary>Operators whose outputs have no shape.</summary>
    private static readonly HashSet<string> NoTensors = [
        "SplitToSequence", "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceMap", "Optional",
    ];

    /// <summary>Arm's runtime computes signed bytes as they are; this makes that of another machine fuse them alike.</summary>
    private const string SignedAllowed = "session.qdqisint8allowed";

    /// <summary>Weights of larger models are written apart, which the runtime does without another copy of them.</summary>
    private const long LargestWhole = 64L << 20;

    private readonly KernelCosts _costs = KernelCosts.Of(profile);

    /// <summary>What one inference costs, in a unit of the profile; null where the model cannot be run here.</summary>
    /// <param name="file">The model.</param>
    /// <param name="runtime">What its devices set.</param>
    /// <param name="cancellationToken">Stops before the model is run.</param>
    public double? CostOf(string file, RuntimeSettings runtime, CancellationToken cancellationToken)
        => WorkOf(file, runtime, cancellationToken) is { } work ? _costs.CostOf(work) : null;

    /// <summary>What one inference has to do, kernel by kernel; null where the model cannot be run here.</summary>
    /// <inheritdoc cref="CostOf" path="/param"/>
    public ModelWork? WorkOf(string file, RuntimeSettings runtime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var model = _costs.FusesQdq ? OnnxFile.Load(file) : Fused(file, runtime);
            var graph = new OnnxGraph(model);
            using var mapped = new MappedWeights(model, file + ".mapped");
            var (shapes, untaken) = ShapesOf(model);
            // Halves that are widened are held as floats.
            var widened = _costs is { ComputesInHalves: false, FusesQdq: false };
            var weights = Scopes.Of(graph.Graph).SelectMany(scope => scope.Initializer).Sum(weight => NodeWork.BytesOf(weight)
                * (widened && weight.DataType == (int)DataType.Float16 ? 2 : 1));
            return new ModelWork(
                [
                    .. Run(graph.Graph, untaken).SelectMany(
                        node => new NodeWork(node, graph, shapes, _costs.FusesQdq, _costs.ComputesInHalves).Parts()),
                    new Work(Kernel.Inference, 1),
                ], weights);
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException or IOException or OverflowException)
        {
            return null;
        }
    }

    private static ModelProto Fused(string file, RuntimeSettings runtime)
    {
        var fused = file + ".fused";
        try
        {
            var entries = new Dictionary<string, string>(runtime.SessionEntries) { [SignedAllowed] = "1" };
            // Without the last level, whose blocked layouts are this machine's own.
            OnnxRuntimeSession.SaveOptimized(
                file, fused, GraphOptimizationLevel.ORT_ENABLE_EXTENDED, runtime with { SessionEntries = entries }, largest: LargestWhole);
            return OnnxFile.Load(fused);
        }
        finally
        {
            OnnxFile.Delete(fused);
        }
    }

    /// <summary>The nodes of a graph and of those within it, but for branches that are not taken.</summary>
    private static IEnumerable<NodeProto> Run(GraphProto graph, HashSet<string> untaken)
        => graph.Node.Where(node => !node.Output.Any(untaken.Contains))
            .SelectMany(node => node.Subgraphs().SelectMany(inner => Run(inner, untaken)).Prepend(node));

    /// <summary>
    /// The shapes of all values of the main graph and of branches that the first sample takes, on it, and the values of the other branches.
    /// </summary>
    private (Dictionary<string, long[]> Shapes, HashSet<string> Untaken) ShapesOf(ModelProto model)
    {
        var observed = model.Clone();
        var within = AddShapesWithin(observed.Graph, [.. new OnnxGraph(model).Names]);
        var shown = InnerValues.Show(observed, within.Keys, DataType.Int64).ToArray();
        var present = observed.Graph.Output.Select(output => output.Name).ToHashSet();
        // What is made of weights alone is as large as they are, and needs not be held to be measured.
        var constants = ShapesOfConstants(model);
        string[] values = [
            .. model.Graph.Node.SelectMany(node => node.Output)
                .Where(output => output.Length > 0 && !constants.ContainsKey(output)).Distinct(),
        ];
        string[] asked = [.. values, .. shown.Select(pair => pair.Value)];
        observed.Graph.Output.AddRange(
            asked.Where(value => !present.Contains(value)).Select(value => new ValueInfoProto { Name = value }));
        using var session = OnnxRuntimeSession.Open(observed, "the model to be estimated", GraphOptimizationLevel.ORT_DISABLE_ALL);
        using var feed = samples.Batches(1).First();
        using var options = new RunOptions();
        using var results = session.Run(options, feed.Names, feed.Values, asked);
        foreach (var (name, value) in values.Zip(results).Concat(feed.Names.Zip(feed.Values)).Where(pair => pair.Second.IsTensor))
            constants[name] = value.GetTensorTypeAndShape().Shape;
        var untaken = new HashSet<string>();
        foreach (var ((shape, _), extents) in shown.Zip(results.Skip(values.Length)))
        {
            if (extents.GetTensorDataAsSpan<long>() is { IsEmpty: false } known) constants[within[shape]] = known[1..].ToArray();
            else untaken.Add(within[shape]);
        }
        return (constants, untaken);
    }

    /// <summary>
    /// Writes the shapes of all values in branches of <c>If</c> beside them, each behind a 1, so that a single number's is not nothing; by
    /// name, what each is the shape of.
    /// </summary>
    private static Dictionary<string, string> AddShapesWithin(GraphProto graph, HashSet<string> taken)
    {
        var shapes = new Dictionary<string, string>();
        foreach (var branch in graph.Node.Where(node => node.Is("If")).SelectMany(node => node.Subgraphs()))
        {
            var front = Nodes.NewName("front", taken);
            branch.Initializer.Add(Tensors.Of(front, [0L], 1));
            foreach (var pair in AddShapesWithin(branch, taken)) shapes.Add(pair.Key, pair.Value);
            foreach (var value in branch.Node.Where(node => !NoTensors.Contains(node.OpType)).SelectMany(node => node.Output)
                .Where(value => value.Length > 0).ToArray())
            {
                var (wider, shape) = (Nodes.NewName("wider", taken), Nodes.NewName("shape", taken));
                branch.Node.Add(Nodes.Node("Unsqueeze", [value, front], [wider]));
                branch.Node.Add(Nodes.Node("Shape", [wider], [shape]));
                shapes.Add(shape, value);
            }
        }
        return shapes;
    }

    /// <summary>The shapes of what operators that change none make of weights.</summary>
    private static Dictionary<string, long[]> ShapesOfConstants(ModelProto model)
    {
        var weights = model.Graph.Initializer.ToDictionary(weight => weight.Name, weight => weight.Dims.ToArray());
        var made = new Dictionary<string, long[]>();
        foreach (var node in model.Graph.Node.Where(node => node.OpType is "DequantizeLinear" or "Cast"))
        {
            if (node.InputAt(0) is { } input && (made.GetValueOrDefault(input) ?? weights.GetValueOrDefault(input)) is { } shape)
                made[node.Output[0]] = shape;
        }
        return made;
    }
}
