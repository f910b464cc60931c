using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// Weights stored as signed bytes with a scale for each channel, made float again when the model is loaded: a quarter of the
/// file, more where layers that round badly keep 16 bits, the float model's speed, and only the rounding of the weights as error.
/// No samples are needed, and it reaches what integer arithmetic does not: recurrent layers, embeddings, and operators inside
/// <c>If</c>, <c>Loop</c> and <c>Scan</c>.
/// </summary>
internal sealed class Int8WeightsScheme : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => "int8-weights";

    /// <inheritdoc/>
    public string Suffix => "int8-weights";

    /// <inheritdoc/>
    public double? Aim => 30;

    /// <inheritdoc/>
    public bool ComputesInFloat => true;

    /// <inheritdoc/>
    public string Kept => "16 bits";

    /// <inheritdoc/>
    public string KeptOnRequest => "float";

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
        => [.. StoredWeight.Of(StoredOnce.Of(graph.Model)).Select(weight => weight.Readers[0]).Distinct()];

    /// <summary>
    /// ONNX Runtime keeps DequantizeLinear for its integer kernels; with its handling of such nodes off, it folds one that reads a
    /// constant like any other node, once, at load.
    /// </summary>
    public IReadOnlyDictionary<string, string> Needs { get; } = new Dictionary<string, string> { [NeededSettings.NoQuantized] = "1" };

    /// <inheritdoc/>
    public RuntimeSettings Runtime(RuntimeSettings ofProfile) => NeededSettings.Unguarded(new NeededSettings(Needs).Over(ofProfile));

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no float weights worth storing as bytes.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var model = StoredOnce.Of(source.Model.Model).Clone();
        model.Graph.ValueInfo.Clear();
        var weights = StoredWeight.Of(model);
        if (weights.Count == 0)
            throw new InvalidDataException("The model has no float weights large enough for 8-bit storage to save bytes.");
        var (renamed, taken) = (new Dictionary<string, string>(), new HashSet<string>(source.Model.Graph.Names));
        var readers = Scopes.NodesOf(model.Graph).SelectMany(node => node.Input).CountBy(input => input).ToDictionary();
        foreach (var weight in weights)
        {
            if (!weight.Readers.Any(keptFloat.Contains))
                renamed[weight.Tensor.Name] = Store(weight, taken, shared: readers[weight.Tensor.Name] > 1);
            else if (!weight.Readers.Any(source.Held.Contains) && Halved(weight, taken) is { } half) renamed[weight.Tensor.Name] = half;
        }
        foreach (var node in Scopes.NodesOf(model.Graph))
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = renamed.GetValueOrDefault(node.Input[i], node.Input[i]);
        }
        return model;
    }

    /// <summary>Puts the bytes in the place of the constant and returns the name of the float value made of them.</summary>
    private static string Store(StoredWeight weight, HashSet<string> taken, bool shared)
    {
        var (home, tensor, axis, _) = weight;
        var quantized = weight.Balanced();
        string New(string kind) => Nodes.NewName(kind, taken);
        var (integers, scales, zeros, real) = (New("w"), New("s"), New("z"), New("d"));
        home.Initializer.Remove(tensor);
        // Zero points are written down, and not shared: the runtime's pass behind session.x64quantprecision rewrites those that it finds,
        // and of a weight without any it makes a file that does not load. Of a signed weight that several read it makes a copy for each
        // under one name, which does not load either; an unsigned one it leaves alone.
        var count = quantized.Scales.Length;
        home.Initializer.Add(!shared ? Tensors.Over(integers, quantized.Values, [.. tensor.Dims])
            : Tensors.Of(integers, [.. quantized.Values.Select(value => (byte)(value ^ QdqWriter.UnsignedZero))], [.. tensor.Dims]));
        home.Initializer.Add(Tensors.Of(scales, quantized.Scales, count));
        home.Initializer.Add(!shared ? Tensors.Of(zeros, new sbyte[count], count)
            : Tensors.Of(zeros, [.. Enumerable.Repeat(QdqWriter.UnsignedZero, count)], count));
        // They come before everything that reads the weight.
        var first = 0;
        home.Node.Insert(first++, Nodes.Node("DequantizeLinear", [integers, scales, zeros], [real]).With("axis", axis));
        if (quantized.PlaceScales.Length > 0)
        {
            var (places, balanced) = (New("s"), New("d"));
            home.Initializer.Add(Tensors.Of(
                places, quantized.PlaceScales, [.. tensor.Dims.Select((extent, at) => at == axis ? 1 : extent)]));
            home.Node.Insert(first++, Nodes.Node("Mul", [real, places], [balanced]));
            real = balanced;
        }
        if (!tensor.Is(DataType.Float16)) return real;
        var half = New("h");
        home.Node.Insert(first, Nodes.Node("Cast", [real], [half]).With("to", (long)DataType.Float16));
        return half;
    }

    /// <summary>
    /// What stays float for accuracy is stored in 16 bits and cast at load: half the bytes at some hundred times less error than
    /// 8 bits. Null for what 16 bits cannot hold.
    /// </summary>
    private static string? Halved(StoredWeight weight, HashSet<string> taken)
    {
        var (home, tensor, _, _) = weight;
        if (!tensor.Is(DataType.Float) || KeptWeights.Halves(tensor.ToSingles()) is not { } halves) return null;
        var (half, real) = (Nodes.NewName("h", taken), Nodes.NewName("d", taken));
        home.Initializer.Remove(tensor);
        home.Initializer.Add(Tensors.Of(half, halves, [.. tensor.Dims]));
        home.Node.Insert(0, Nodes.Node("Cast", [half], [real]).With("to", (long)DataType.Float));
        return real;
    }
}
