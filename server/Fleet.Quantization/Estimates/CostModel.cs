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
    /// <summary>Arm's runtime computes signed bytes as they are; this makes that of another machine fuse them alike.</summary>
    private const string SignedAllowed = "session.qdqisint8allowed";

    /// <summary>Weights of larger models are written apart, which the runtime does without another copy of them.</summary>
    private const long LargestWhole = 64L << 20;

    private readonly KernelCosts _costs = KernelCosts.Of(profile);

    /// <summary>Cycles of one inference; null where the model cannot be run here.</summary>
    /// <param name="file">The model.</param>
    /// <param name="runtime">What its devices set.</param>
    /// <param name="cancellationToken">Stops before the model is run.</param>
    public double? CyclesOf(string file, RuntimeSettings runtime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var model = _costs.FusesQdq ? OnnxFile.Load(file) : Fused(file, runtime);
            var graph = new OnnxGraph(model);
            using var mapped = new MappedWeights(model, file + ".mapped");
            var shapes = ShapesOf(model);
            var weights = Scopes.Of(graph.Graph).SelectMany(scope => scope.Initializer).Sum(BytesOf);
            var fromWhere = weights <= _costs.CacheBytes ? _costs.CachedBytes : _costs.MemoryBytes;
            return Scopes.NodesOf(graph.Graph).Sum(node => CyclesOf(new Counted(node, graph, shapes), fromWhere));
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

    /// <summary>The shapes of all values of the main graph on the first sample.</summary>
    private Dictionary<string, long[]> ShapesOf(ModelProto model)
    {
        var observed = model.Clone();
        var present = observed.Graph.Output.Select(output => output.Name).ToHashSet();
        // What is made of weights alone is as large as they are, and needs not be held to be measured.
        var constants = ShapesOfConstants(model);
        string[] values = [
            .. model.Graph.Node.SelectMany(node => node.Output)
                .Where(output => output.Length > 0 && !constants.ContainsKey(output)).Distinct(),
        ];
        observed.Graph.Output.AddRange(
            values.Where(value => !present.Contains(value)).Select(value => new ValueInfoProto { Name = value }));
        using var session = OnnxRuntimeSession.Open(observed, "the model to be estimated", GraphOptimizationLevel.ORT_DISABLE_ALL);
        using var feed = samples.Batches(1).First();
        using var options = new RunOptions();
        using var results = session.Run(options, feed.Names, feed.Values, values);
        foreach (var (name, value) in values.Zip(results).Concat(feed.Names.Zip(feed.Values)).Where(pair => pair.Second.IsTensor))
            constants[name] = value.GetTensorTypeAndShape().Shape;
        return constants;
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

    private double CyclesOf(Counted node, double bytesPerCycle)
    {
        var made = (double)node.Made;
        double Weighted(int weight, double products)
            => Math.Max(node.Products(weight) / products, _costs.FusesQdq ? 0 : node.BytesAt(weight) / bytesPerCycle);
        double Rate(int weight) => node.TypeAt(weight) switch
        {
            DataType.Int8 => _costs.SignedBytes,
            DataType.Uint8 => _costs.UnsignedBytes,
            DataType.Float16 => _costs.Halves,
            _ => _costs.FusesQdq && node.ReadsDequantized ? _costs.SignedBytes : _costs.Floats,
        };
        var own = node.Operator switch
        {
            "Conv" or "FusedConv" or "ConvTranspose" when node.IsDepthwise(1) =>
                node.Products(1) / (Rate(1) > _costs.Floats ? _costs.ByteDepthwise : _costs.FloatDepthwise),
            "Conv" or "FusedConv" or "ConvTranspose" =>
                Weighted(1, Rate(1) == _costs.Floats ? _costs.FloatConvolutions ?? _costs.Floats : Rate(1)),
            "QLinearConv" when node.IsDepthwise(3) => node.Products(3) / _costs.ByteDepthwise + made / _costs.Values,
            "QLinearConv" => Weighted(3, Rate(3)) + node.Gathered(3) / _costs.GatheredBytes + made / _costs.Values,
            // Its kernel is a plain loop.
            "ConvInteger" => node.Products(1) / (_costs.Floats / 4),
            "MatMul" or "FusedMatMul" or "Gemm" or "FusedGemm" => Weighted(1, Rate(1)),
            "QLinearMatMul" or "QGemm" => Weighted(3, Rate(3)) + made / _costs.Values,
            "MatMulInteger" or "MatMulIntegerToFloat" => Weighted(1, Rate(1)) + made / _costs.Values,
            "DynamicQuantizeMatMul" => Weighted(1, Rate(1)) + made / _costs.Values + 2 * node.Read / _costs.Values,
            "MatMulNBits" => Weighted(1, _costs.FourBits),
            "LSTM" or "GRU" or "RNN" or "DynamicQuantizeLSTM" => Weighted(1, Rate(1)) + Weighted(2, Rate(2)) + 4 * made / _costs.HardValues,
            "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity" or "Shape" or "Constant" => 0,
            "Cast" => made / _costs.CastValues,
            "QuantizeLinear" or "DequantizeLinear" when _costs.FusesQdq => 0,
            // The first pass finds the range.
            "DynamicQuantizeLinear" => 2 * made / _costs.Values,
            "Softmax" or "LogSoftmax" or "Erf" or "Gelu" or "FastGelu" or "BiasGelu" or "QuickGelu" or "Tanh" or "Sigmoid" or "Exp" or "Log"
                or "Pow" or "Sqrt" or "LayerNormalization" or "SkipLayerNormalization" or "InstanceNormalization" or "Mish" or "Elu"
                or "QLinearSoftmax" => made / _costs.HardValues,
            _ => made / _costs.Values,
        };
        return own + (_costs.FusesQdq && own == 0 ? 0 : _costs.Operator);
    }

    private static long BytesOf(TensorProto tensor) => tensor.Elements() * (DataType)tensor.DataType switch
    {
        DataType.Int8 or DataType.Uint8 or DataType.Bool => 1,
        DataType.Float16 or DataType.Bfloat16 => 2,
        DataType.Double or DataType.Int64 => 8,
        _ => 4,
    };

    /// <summary>A node with the shapes of what it reads and makes; inside a subgraph, which nobody looked into, only weights.</summary>
    private sealed record Counted(NodeProto Node, OnnxGraph Graph, IReadOnlyDictionary<string, long[]> Shapes)
    {
        public string Operator => Node.OpType;

        /// <summary>Values that it makes.</summary>
        public long Made => Elements(ShapeOf(Node.OutputAt(0)));

        /// <summary>Values of its first input.</summary>
        public long Read => Elements(ShapeOf(Node.InputAt(0)));

        /// <summary>True where its first input was rounded to bytes.</summary>
        public bool ReadsDequantized => Node.InputAt(0) is { } input && Graph.ProducerOf(input)?.OpType == "DequantizeLinear";

        public DataType TypeAt(int input) => Constant(input) is { } constant ? (DataType)constant.DataType : DataType.Float;

        /// <summary>Bytes of the weight at an input; one that is dequantized at every run is read as the floats it became.</summary>
        public long BytesAt(int input) => Constant(input) is { } constant ? BytesOf(constant)
            : Node.InputAt(input) is { } value && Graph.ProducerOf(value)?.OpType == "DequantizeLinear"
                ? sizeof(float) * Elements(ShapeOf(value)) : 0;

        public bool IsDepthwise(int weight) => Node.Int("group", 1) > 1 && WeightShape(weight) is [_, 1, ..];

        /// <summary>Products of values with the weight, or with the other activation, at an input.</summary>
        public long Products(int weight)
        {
            var (extents, elements) = (WeightShape(weight), Elements(WeightShape(weight)));
            if (Made == 0) return elements;
            return Operator switch
            {
                "Conv" or "FusedConv" or "QLinearConv" or "ConvInteger" => Made * elements / Math.Max(1, extents[0]),
                "ConvTranspose" => Read * elements / Math.Max(1, extents[0]),
                "LSTM" or "GRU" or "RNN" or "DynamicQuantizeLSTM" => ShapeOf(Node.InputAt(0)) is [var steps, var batch, _]
                    ? steps * batch * elements : elements,
                "MatMulNBits" => Made * Node.Int("K", 1),
                _ => ShapeOf(Node.InputAt(0)) is [.., var inner] ? Made * inner : elements,
            };
        }

        /// <summary>Bytes that are gathered for a kernel larger than a point: one for each product of an output channel.</summary>
        public long Gathered(int weight) => WeightShape(weight) is [var channels, _, .. var kernel] && kernel.Any(extent => extent > 1)
            ? Products(weight) / Math.Max(1, channels) : 0;

        private TensorProto? Constant(int input) => Graph.Constant(Node.InputAt(input));

        private long[] WeightShape(int input) => Constant(input) is { } constant ? [.. constant.Dims] : ShapeOf(Node.InputAt(input));

        private long[] ShapeOf(string? value) => value is null ? [0]
            : Shapes.TryGetValue(value, out var shape) ? shape : Graph.Constant(value) is { } constant ? [.. constant.Dims] : [0];

        private static long Elements(long[] shape) => shape.Aggregate(1L, (product, extent) => checked(product * extent));
    }
}
