using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Requantization;

/// <summary>
/// Makes a float model of a quantized one. Each integer value of the graph stands for a real one, by its scale and zero point
/// (https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html): operators are given those, so that nothing is rounded between them any more.
/// What rounding did beside remains: where its range begins or ends at zero it took the place of a Relu, and is a Clip.
/// </summary>
internal sealed partial class FloatForm
{
    /// <summary>Operators that move integers without changing them.</summary>
    private static readonly HashSet<string> Moving = [
        "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "Expand", "Tile", "Gather", "MaxPool", "Identity",
        "DepthToSpace", "SpaceToDepth",
    ];

    /// <summary>Operators whose outputs are not negative: a Clip at zero behind them would change nothing.</summary>
    private static readonly HashSet<string> NotNegative = ["Relu", "Clip", "Sigmoid", "HardSigmoid", "Softmax", "Abs", "Exp"];

    private readonly OnnxGraph _source;
    private readonly ModelProto _model;
    private readonly Dictionary<string, string> _real = [];
    private readonly Dictionary<string, NodeProto> _makers = [];
    private int _numbered;

    private FloatForm(ModelProto quantized)
    {
        _source = new OnnxGraph(quantized);
        _model = quantized.Clone();
        _model.Graph.Node.Clear();
        _model.Graph.ValueInfo.Clear();
    }

    /// <summary>
    /// The float model. Constants are still dequantized in it: the runtime folds them. Graphs within nodes stay as they are.
    /// </summary>
    /// <exception cref="InvalidDataException">An operator has no float form; the message names it.</exception>
    public static ModelProto Of(ModelProto quantized)
    {
        var given = quantized.Clone();
        MakeInitializers(given.Graph);
        return new FloatForm(given).Run();
    }

    private static void MakeInitializers(GraphProto graph)
    {
        foreach (var node in graph.Node.Where(node => node.Is("Constant") && node.Find("value")?.T is not null).ToArray())
        {
            var tensor = node.Find("value")!.T.Clone();
            tensor.Name = node.Output[0];
            graph.Initializer.Add(tensor);
            graph.Node.Remove(node);
        }
    }

    private ModelProto Run()
    {
        foreach (var node in _source.Graph.Node) Convert(node);
        Prune();
        return _model;
    }

    private void Convert(NodeProto node)
    {
        if (!TryInteger(node) && !TryRounding(node) && !TryMove(node)) Emit(node.Clone());
    }

    private bool TryRounding(NodeProto node)
    {
        switch (node.OpType)
        {
            case "QuantizeLinear":
                Stand(node, node.Output[0], node.Input[0], node.InputAt(1)!, node.InputAt(2));
                return true;
            case "DequantizeLinear" when _real.TryGetValue(node.Input[0], out var real):
                Emit(Nodes.Node("Identity", [real], [node.Output[0]], node.Name));
                return true;
            default:
                return false;
        }
    }

    private bool TryMove(NodeProto node)
    {
        if (!node.IsStandard() || !Moves(node)) return false;
        var data = node.OpType == "Concat" ? node.Input.Count : 1;
        if (!node.Input.Take(data).All(_real.ContainsKey)) return false;
        var moved = node.Clone();
        for (var i = 0; i < data; i++) moved.Input[i] = _real[node.Input[i]];
        for (var i = 0; i < node.Output.Count && node.Output[i].Length > 0; i++)
            moved.Output[i] = _real[node.Output[i]] = NewName(node.Output[i]);
        Emit(moved);
        foreach (var output in node.Output.Where(_real.ContainsKey)) RequireUnread(output);
        return true;
    }

    private static bool Moves(NodeProto node)
        => (Moving.Contains(node.OpType) && node.OutputAt(1) is null) || node.OpType is "Split" or "Concat";

    /// <summary>Lets <paramref name="integers"/> stand for <paramref name="real"/>, which was rounded to it.</summary>
    private void Stand(NodeProto rounding, string integers, string real, string scale, string? zeroPoint)
    {
        if (!IsReadAsReal(integers))
        {
            // Integers that leave the model, or that something counts with, are still made.
            Emit(Nodes.Node("QuantizeLinear", zeroPoint is null ? [real, scale] : [real, scale, zeroPoint], [integers], rounding.Name));
        }
        _real[integers] = Clamped(real, scale, zeroPoint);
    }

    private string Clamped(string real, string scale, string? zeroPoint)
    {
        if (_source.Constant(scale) is not { } scales || scales.Elements() != 1) return real;
        if (_makers.TryGetValue(real, out var maker) && NotNegative.Contains(maker.OpType)) return real;
        var zeros = zeroPoint is null ? null : _source.Constant(zeroPoint);
        if (IntegerRange.Of(zeros) is not var (lowest, highest, zero) || (zero != lowest && zero != highest)) return real;
        var step = scales.ToSingles()[0];
        var clamped = NewName(real);
        string Bound(float value) => Add(scales.Is(TensorProto.Types.DataType.Float16)
            ? Tensors.Of(NewName(real), [(Half)value])
            : Tensors.Of(NewName(real), [value]));
        Emit(Nodes.Node("Clip", [real, Bound((lowest - zero) * step), Bound((highest - zero) * step)], [clamped]));
        return clamped;
    }

    /// <summary>True when all that read an integer value take the real one that it stands for.</summary>
    private bool IsReadAsReal(string integers) => !_source.IsOutput(integers) && _source.ConsumersOf(integers).All(reader =>
        reader.OpType == "DequantizeLinear" || IsInteger(reader) || (reader.IsStandard() && Moves(reader)
            && (reader.Input[0] == integers || reader.Is("Concat")) && reader.Output.Where(output => output.Length > 0).All(IsReadAsReal)));

    private void RequireUnread(string integers)
    {
        if (!IsReadAsReal(integers))
            throw new InvalidDataException(
                $"{_source.ProducerOf(integers)?.Title()} moves integers that something counts with, for which there is no float form.");
    }

    private void Emit(NodeProto node)
    {
        foreach (var output in node.Output.Where(output => output.Length > 0)) _makers[output] = node;
        _model.Graph.Node.Add(node);
    }

    private string Add(TensorProto tensor)
    {
        _model.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private string NewName(string of)
    {
        while (true)
        {
            var name = $"{of}/float{_numbered++}";
            if (!_source.Names.Contains(name)) return name;
        }
    }

    private void Prune()
    {
        var outputs = _model.Graph.Output.Select(output => output.Name).ToHashSet();
        var read = new HashSet<string>(outputs);
        foreach (var node in _model.Graph.Node.Reverse().ToArray())
        {
            if (node.Output.Any(read.Contains)) read.UnionWith(OnnxGraph.ValuesReadBy(node));
            else _model.Graph.Node.Remove(node);
        }
        foreach (var unread in _model.Graph.Initializer.Where(tensor => !read.Contains(tensor.Name)).ToArray())
            _model.Graph.Initializer.Remove(unread);
    }
}
