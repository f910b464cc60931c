using System.Collections.Frozen;
using System.Globalization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Writes a plan with its numbers as a QDQ model: QuantizeLinear and DequantizeLinear where values are rounded, weights stored
/// as bytes behind a DequantizeLinear alone, the bias as 32-bit integers of scale input times weight. Each graph, the main one and those
/// inside its nodes, has a writer of its own: the runtime fuses what lies in one graph, so that a graph makes its own floats of the
/// integers that it takes from outside.
/// </summary>
internal sealed partial class QdqWriter
{
    /// <summary>What stands for zero in unsigned weights.</summary>
    public const byte UnsignedZero = 128;

    /// <summary>The operator set that knows 4-bit integers, and the one that knows those of 2 bits.</summary>
    private const long Int4Opset = 21, Int2Opset = 25;

    private readonly OnnxGraph _source;
    private readonly QuantizationPlan _plan;
    private readonly IntegerForm _form;
    private readonly IReadOnlyDictionary<string, ValueRange> _ranges;
    private readonly IReadOnlyDictionary<string, float[]> _weightScales;
    private readonly GridScales? _grids;
    private readonly Written _written;
    private readonly GraphProto _graph;
    private readonly NodeProto[] _nodes;
    private readonly HashSet<string> _own;
    private readonly QdqWriter? _outer;
    private readonly Dictionary<string, string> _integers = [];
    private readonly Dictionary<string, string> _rounded = [];
    private readonly Dictionary<float, string> _scales = [];
    private readonly Dictionary<int, string> _zeroPoints = [];
    private readonly Dictionary<int, string> _zeroVectors = [];
    private readonly Dictionary<string, StoredIntegers> _stored = [];
    private readonly Dictionary<string, (string Name, float[] Scales)> _weights = [];
    private readonly Dictionary<string, string> _constants = [];

    private QdqWriter(OnnxGraph source, QuantizationPlan plan, IntegerForm form,
        IReadOnlyDictionary<string, ValueRange> ranges, IReadOnlyDictionary<string, float[]> weightScales, GridScales? grids)
    {
        (_source, _plan, _form, _ranges, _weightScales, _grids) = (source, plan, form, ranges, weightScales, grids);
        _written = new Written(source.Model.Clone());
        _graph = _written.Model.Graph;
        (_nodes, _own) = Emptied(_graph);
    }

    private QdqWriter(QdqWriter outer, GraphProto inner)
    {
        (_source, _plan, _form, _ranges, _weightScales, _grids)
            = (outer._source, outer._plan, outer._form, outer._ranges, outer._weightScales, outer._grids);
        (_outer, _written, _graph) = (outer, outer._written, inner);
        (_nodes, _own) = Emptied(_graph);
    }

    /// <summary>Takes the nodes out of a graph; returns them, and the names of its constants.</summary>
    private static (NodeProto[] Nodes, HashSet<string> Constants) Emptied(GraphProto graph)
    {
        NodeProto[] nodes = [.. graph.Node];
        graph.Node.Clear();
        // Types of values in between are inferred again at load; kept, they would only add bytes.
        graph.ValueInfo.Clear();
        return (nodes, [.. graph.Initializer.Select(tensor => tensor.Name)]);
    }

    /// <summary>The quantized model.</summary>
    /// <param name="source">The float graph.</param>
    /// <param name="plan">What becomes of it.</param>
    /// <param name="form">The integers.</param>
    /// <param name="ranges">The range of each of the plan's calibrated values.</param>
    /// <param name="weightScales">Scales of weights that lie on a grid already, by the first output of their operator.</param>
    public static ModelProto Write(OnnxGraph source, QuantizationPlan plan, IntegerForm form,
        IReadOnlyDictionary<string, ValueRange> ranges, IReadOnlyDictionary<string, float[]>? weightScales = null)
        => new QdqWriter(source, plan, form, ranges, weightScales ?? FrozenDictionary<string, float[]>.Empty, grids: null).Write();

    /// <summary>The quantized model with scales that were searched or learned, at any width up to 8 bits.</summary>
    public static ModelProto Write(OnnxGraph source, QuantizationPlan plan, IntegerForm form, GridScales grids)
        => new QdqWriter(source, plan, form, new Dictionary<string, ValueRange>(), FrozenDictionary<string, float[]>.Empty, grids).Write();

    private ModelProto Write()
    {
        WriteGraph();
        var (model, opset) = (_written.Model, _written.Opset);
        if (opset > model.StandardVersion()) model.Declare("", opset);
        model.IrVersion = Math.Max(model.IrVersion, opset switch { Int2Opset => 13, Int4Opset => 10, _ => 0 });
        return model;
    }

    private void WriteGraph()
    {
        foreach (var input in _graph.Input.Where(input => _plan.Values.Contains(input.Name))) Round(input.Name, input.Name);
        foreach (var node in _nodes)
        {
            // A clamp that rounding replaces: what comes before it already writes its output.
            if (node.InputAt(0) is { } input && _plan.AbsorbedClamps.TryGetValue(input, out var clamped) && clamped == node.Output[0])
                continue;
            Emit(node);
        }
        DropUnread();
    }

    private void Emit(NodeProto original)
    {
        var node = original.Clone();
        for (var i = 0; i < node.Input.Count; i++) node.Input[i] = RoundedOf(node.Input[i]) ?? node.Input[i];
        foreach (var inner in node.Subgraphs()) new QdqWriter(this, inner).WriteGraph();
        if (original.OutputAt(0) is { } first && _plan.Weighted.TryGetValue(first, out var weighted)) QuantizeWeights(node, weighted);
        else if (RoundsConstants(original)) RoundConstants(node);

        _graph.Node.Add(node);
        for (var i = 0; i < original.Output.Count; i++)
        {
            if (original.Output[i].Length == 0) continue;
            var value = _plan.AbsorbedClamps.GetValueOrDefault(original.Output[i], original.Output[i]);
            if (!_plan.Values.Contains(value))
            {
                node.Output[i] = value;
                continue;
            }
            // An output of the graph keeps its name: the rounded value takes it, the unrounded one gets another.
            node.Output[i] = _source.IsOutput(value) ? NewName("u") : value;
            Round(value, node.Output[i]);
        }
    }

    /// <summary>What readers of a value get in this graph where it is rounded, here or outside; else null.</summary>
    private string? RoundedOf(string value)
    {
        if (_rounded.TryGetValue(value, out var rounded)) return rounded;
        // What decides itself what is integer need find no pair in two graphs.
        if (!_form.IntegerOutputs) return _outer?.RoundedOf(value);
        if (IntegersOutside(value) is not { } integers) return null;
        var affine = AffineOf(value);
        _rounded[value] = rounded = NewName("d");
        _graph.Node.Add(Nodes.Node("DequantizeLinear", [integers, Scale(affine.Scale), ZeroPoint(affine.ZeroPoint)], [rounded]));
        return rounded;
    }

    private string? IntegersOutside(string value)
        => _outer is null ? null : _outer._integers.TryGetValue(value, out var integers) ? integers : _outer.IntegersOutside(value);

    /// <summary>Rounds the value written as <paramref name="written"/>; readers of <paramref name="value"/> get the rounded one.</summary>
    private void Round(string value, string written)
    {
        var affine = AffineOf(value);
        var (scale, zeroPoint) = (Scale(affine.Scale), ZeroPoint(affine.ZeroPoint));
        var integers = NewName("q");
        var rounded = _source.IsOutput(value) && written != value ? value : NewName("d");
        var levels = _plan.ScaleSourceOf(value) == value ? FewLevels(value, affine) : null;
        if (levels is { } before && !_form.IntegerOutputs)
            written = Clipped(written, Tensors.Of(NewName("l"), [before.Lowest * affine.Scale]),
                Tensors.Of(NewName("h"), [before.Highest * affine.Scale]));
        _graph.Node.Add(Nodes.Node("QuantizeLinear", [written, scale, zeroPoint], [integers]));
        if (levels is { } behind && _form.IntegerOutputs) integers = Clipped(integers, null, Integer(affine.ZeroPoint + behind.Highest));
        _graph.Node.Add(Nodes.Node("DequantizeLinear", [integers, scale, zeroPoint], [rounded]));
        (_integers[value], _rounded[value]) = (integers, rounded);
    }

    /// <summary>
    /// The levels of a value that has fewer than a byte; null where the byte's own ends do the clipping. Kernels that write
    /// integers are left as they are and the integers clipped behind them, which costs one pass over bytes; a runtime that
    /// decides itself what is integer (TensorRT) takes no operator between the pair, so the value is clipped in front.
    /// </summary>
    private Levels? FewLevels(string value, Affine affine)
        => _grids?.Activations[value].Levels is { } levels && affine.ZeroPoint + levels.Highest < _form.Maximum ? levels : null;

    private string Clipped(string value, TensorProto? lowest, TensorProto highest)
    {
        var clipped = NewName("k");
        _graph.Node.Add(Nodes.Node("Clip", [value, lowest is null ? "" : Constant(lowest), Constant(highest)], [clipped]));
        return clipped;
    }

    private TensorProto Integer(int value)
        => _form.Signed ? Tensors.Of(NewName("h"), [(sbyte)value]) : Tensors.Of(NewName("h"), [(byte)value]);

    private Affine AffineOf(string value)
    {
        var source = _plan.ScaleSourceOf(value);
        if (_grids is not null) return _grids.Activations[source].In(_form);
        return Affine.For(_plan.FixedRangeOf(source) ?? _ranges[source], _form);
    }

    /// <summary>True for an integer Add or Mul of which one side is constant: both sides must be integers.</summary>
    private bool RoundsConstants(NodeProto node) => node.Is("Add") || node.Is("Mul")
        ? node.Input.Any(input => _source.Constant(input) is not null) && node.Input.Any(_plan.Values.Contains)
            && _plan.Values.Contains(_plan.AbsorbedClamps.GetValueOrDefault(node.Output[0], node.Output[0]))
        : node.Is("Concat") && node.Input.All(input => _plan.Values.Contains(input) || _source.Constant(input) is not null)
            && _plan.Values.Contains(node.Output[0]);

    private void RoundConstants(NodeProto node)
    {
        for (var i = 0; i < node.Input.Count; i++)
        {
            if (_source.Constant(node.Input[i]) is { } constant) node.Input[i] = Rounded(constant);
        }
    }

    private string Rounded(TensorProto constant)
    {
        if (_constants.TryGetValue(constant.Name, out var known)) return known;
        var values = constant.ToSingles();
        var affine = Affine.For(new ValueRange(values.Min(), values.Max()), _form);
        var integers = Array.ConvertAll(
            values, value => (int)Math.Clamp(Math.Round((double)value / affine.Scale) + affine.ZeroPoint, _form.Minimum, _form.Maximum));
        var stored = _form.Signed
            ? Tensors.Of(NewName("c"), Array.ConvertAll(integers, value => (sbyte)value), [.. constant.Dims])
            : Tensors.Of(NewName("c"), Array.ConvertAll(integers, value => (byte)value), [.. constant.Dims]);
        var name = NewName("d");
        _graph.Node.Add(Nodes.Node("DequantizeLinear", [Constant(stored), Scale(affine.Scale), ZeroPoint(affine.ZeroPoint)], [name]));
        return _constants[constant.Name] = name;
    }

    private string Scale(float scale)
        => _scales.TryGetValue(scale, out var name) ? name : _scales[scale] = Constant(Tensors.Of(NewName("s"), [scale]));

    private string ZeroPoint(int zeroPoint)
    {
        if (_zeroPoints.TryGetValue(zeroPoint, out var name)) return name;
        name = NewName("z");
        return _zeroPoints[zeroPoint] = Constant(_form.Signed ? Tensors.Of(name, [(sbyte)zeroPoint]) : Tensors.Of(name, [(byte)zeroPoint]));
    }

    private string Constant(TensorProto tensor)
    {
        _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Takes out constants that nothing reads any more, and floats made of integers that only inner graphs read.</summary>
    private void DropUnread()
    {
        var read = new HashSet<string>(
            _graph.Node.SelectMany(OnnxGraph.ValuesReadBy).Concat(_graph.Output.Select(output => output.Name)));
        if (_graph.Node.Any(node => node.Subgraphs().Any()))
        {
            foreach (var unread in _graph.Node.Where(node => node.OpType == "DequantizeLinear" && !read.Contains(node.Output[0])).ToArray())
                _graph.Node.Remove(unread);
        }
        for (var i = _graph.Initializer.Count - 1; i >= 0; i--)
        {
            if (!read.Contains(_graph.Initializer[i].Name)) _graph.Initializer.RemoveAt(i);
        }
    }

    // Short names: in a small model they would otherwise weigh as much as the weights.
    private string NewName(string kind)
    {
        while (true)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{kind}{_written.Numbered++}");
            if (!_source.Names.Contains(name)) return name;
        }
    }

    /// <summary>The model in the making: how many names it has given, and the operator set that its integers ask for.</summary>
    private sealed class Written(ModelProto model)
    {
        public ModelProto Model => model;
        public int Numbered { get; set; }
        public long Opset { get; set; }
    }
}
