using System.Collections.Frozen;
using System.Globalization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Writes a plan with its numbers as a QDQ model: QuantizeLinear and DequantizeLinear where values are rounded, weights stored
/// as bytes behind a DequantizeLinear alone, the bias as 32-bit integers of scale input times weight.
/// </summary>
internal sealed class QdqWriter
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
    private readonly ModelProto _model;
    private readonly Dictionary<string, string> _rounded = [];
    private readonly Dictionary<float, string> _scales = [];
    private readonly Dictionary<int, string> _zeroPoints = [];
    private readonly Dictionary<int, string> _zeroVectors = [];
    private readonly Dictionary<string, (string Name, float[] Scales)> _weights = [];
    private readonly Dictionary<string, string> _constants = [];
    private int _numbered;
    private long _opset;

    private QdqWriter(OnnxGraph source, QuantizationPlan plan, IntegerForm form,
        IReadOnlyDictionary<string, ValueRange> ranges, IReadOnlyDictionary<string, float[]> weightScales, GridScales? grids)
    {
        (_source, _plan, _form, _ranges, _weightScales, _grids) = (source, plan, form, ranges, weightScales, grids);
        _model = source.Model.Clone();
        _model.Graph.Node.Clear();
        // Types of values in between are inferred again at load; kept, they would only add bytes.
        _model.Graph.ValueInfo.Clear();
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

    /// <summary>The scales of an operator's weights, by channel, where its bias does not ask for larger ones.</summary>
    public static float[] FreeScalesOf(WeightedOperator weighted, IntegerForm form) => Free(weighted, form).Scales;

    /// <summary>The quantized model with scales that were searched or learned, at any width up to 8 bits.</summary>
    public static ModelProto Write(OnnxGraph source, QuantizationPlan plan, IntegerForm form, GridScales grids)
        => new QdqWriter(source, plan, form, new Dictionary<string, ValueRange>(), FrozenDictionary<string, float[]>.Empty, grids).Write();

    private ModelProto Write()
    {
        foreach (var input in _source.Graph.Input.Where(input => _plan.Values.Contains(input.Name))) Round(input.Name, input.Name);
        foreach (var node in _source.Graph.Node)
        {
            // A clamp that rounding replaces: what comes before it already writes its output.
            if (node.InputAt(0) is { } input && _plan.AbsorbedClamps.TryGetValue(input, out var clamped) && clamped == node.Output[0])
                continue;
            Emit(node);
        }
        DropUnreadConstants();
        if (_opset > _model.StandardVersion()) _model.Declare("", _opset);
        _model.IrVersion = Math.Max(_model.IrVersion, _opset switch { Int2Opset => 13, Int4Opset => 10, _ => 0 });
        return _model;
    }

    private void Emit(NodeProto original)
    {
        var node = original.Clone();
        foreach (var read in OnnxGraph.ValuesReadBy(original).Distinct())
        {
            if (_rounded.TryGetValue(read, out var rounded)) OnnxGraph.Rewire(node, read, rounded);
        }
        if (original.OutputAt(0) is { } first && _plan.Weighted.TryGetValue(first, out var weighted)) QuantizeWeights(node, weighted);
        else if (RoundsConstants(original)) RoundConstants(node);

        _model.Graph.Node.Add(node);
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
        _model.Graph.Node.Add(Nodes.Node("QuantizeLinear", [written, scale, zeroPoint], [integers]));
        if (levels is { } behind && _form.IntegerOutputs) integers = Clipped(integers, null, Integer(affine.ZeroPoint + behind.Highest));
        _model.Graph.Node.Add(Nodes.Node("DequantizeLinear", [integers, scale, zeroPoint], [rounded]));
        _rounded[value] = rounded;
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
        _model.Graph.Node.Add(Nodes.Node("Clip", [value, lowest is null ? "" : Constant(lowest), Constant(highest)], [clipped]));
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

    private void QuantizeWeights(NodeProto node, WeightedOperator weighted)
    {
        var inputScale = AffineOf(weighted.Node.Input[0]).Scale;
        var bias = weighted.Bias is null ? null : Bias(weighted);
        var smallest = bias is null || _form.FloatBias ? null : SmallestWeightScales(bias, inputScale);
        var (name, scales) = Weights(weighted, smallest);
        node.Input[1] = name;

        if (bias is not null && (!_form.FloatBias || weighted.Bias!.Elements() != bias.Length || weighted.BiasFactor != 1))
            node.Input[2] = _form.FloatBias ? Constant(Tensors.Of(NewName("b"), bias, bias.Length)) : IntegerBias(bias, scales, inputScale);
        if (node.OpType == "Gemm")
        {
            node.With("alpha", 1f);
            // ONNX Runtime reads beta when it makes an integer Gemm and fails when it is not written down.
            node.With("beta", 1f);
        }
    }

    private (string Name, float[] Scales) Weights(WeightedOperator weighted, float[]? smallestScales)
    {
        var key = string.Create(CultureInfo.InvariantCulture,
            $"{weighted.Weight.Name}/{weighted.Axis}/{weighted.WeightFactor}/{(_grids is null ? "" : weighted.Node.Output[0])}");
        if (_weights.TryGetValue(key, out var shared)
            && (smallestScales is null || shared.Scales.Zip(smallestScales).All(pair => pair.First >= pair.Second)))
            return shared;

        var quantized = _grids is null
            ? Rounded(weighted, smallestScales)
            : ChannelWeights.On(_grids.Weights[weighted.Node.Output[0]], weighted.Values(), weighted.Weight.Dims, weighted.Axis);

        var integers = Stored(quantized.Values, [.. weighted.Weight.Dims], _grids?.Weights[weighted.Node.Output[0]].Bits ?? 8);
        var name = weighted.HasOneScale ? Dequantized(integers, quantized.Scales[0])
            : Dequantized(integers, quantized.Scales, weighted.Axis, WeightZeroPoint(weighted));
        return _weights[key] = (name, quantized.Scales);
    }

    private ChannelWeights Rounded(WeightedOperator weighted, float[]? smallestScales)
    {
        var free = _weightScales.TryGetValue(weighted.Node.Output[0], out var scales)
            ? ChannelWeights.On(new WeightGrid(scales, Levels.OfWeights(8), 8), weighted.Values(), weighted.Extents, weighted.Axis)
            : Free(weighted, _form);
        // Hardly ever is a bias so large that it asks for more.
        return smallestScales is null || free.Scales.Zip(smallestScales).All(pair => pair.First >= pair.Second)
            ? free
            : ChannelWeights.Of(weighted.Values(), weighted.Extents, weighted.Axis,
                [.. free.Scales.Zip(smallestScales, Math.Max)]);
    }

    private static ChannelWeights Free(WeightedOperator weighted, IntegerForm form) => RoundedOnce.Of(weighted.Weight,
        (nameof(ChannelWeights), weighted.Axis, weighted.WeightFactor, weighted.HasOneScale, string.Join(',', weighted.Weight.Dims),
            form.IsUnsaturated ? (weighted.Node.OpType, weighted.Node.Int("group", 1)) : default),
        () => ChannelWeights.Of(weighted.Values(), weighted.Extents, weighted.Axis,
            form.IsUnsaturated ? UnsaturatedScales.Of(weighted) : null));

    /// <summary>Bits that a weight of <paramref name="bits"/> takes in a file for processors: ONNX has integers of 2, 4 and 8.</summary>
    public static int StoredBits(int bits) => bits <= 2 ? 2 : bits <= 4 ? 4 : 8;

    /// <summary>
    /// Stores integers in as few bits as ONNX has. A Cast makes bytes of them: it has only constants before it, so the runtime
    /// computes it once when it loads the file, and what the kernels get are the bytes they know. TensorRT wants the bytes.
    /// </summary>
    private string Stored(sbyte[] values, long[] extents, int bits)
    {
        if (_form.UnsignedWeights)
            return Constant(Tensors.Of(NewName("w"), Array.ConvertAll(values, value => (byte)(value + UnsignedZero)), extents));
        var width = _form.Symmetric ? 8 : StoredBits(bits);
        if (width == 8) return Constant(Tensors.Of(NewName("w"), values, extents));
        _opset = Math.Max(_opset, width == 2 ? Int2Opset : Int4Opset);
        var (perByte, mask) = (8 / width, (1 << width) - 1);
        var packed = new byte[(values.Length + perByte - 1) / perByte];
        for (var i = 0; i < values.Length; i++) packed[i / perByte] |= (byte)((values[i] & mask) << i % perByte * width);
        var name = NewName("w");
        var few = Constant(Tensors.Create(
            NewName("w"), width == 2 ? TensorProto.Types.DataType.Int2 : TensorProto.Types.DataType.Int4, packed, extents));
        _model.Graph.Node.Add(Nodes.Node("Cast", [few], [name]).With("to", (long)TensorProto.Types.DataType.Int8));
        return name;
    }

    private string IntegerBias(float[] bias, float[] weightScales, float inputScale)
    {
        var scales = Array.ConvertAll(weightScales, scale => scale * inputScale);
        var values = new int[bias.Length];
        for (var i = 0; i < values.Length; i++)
            values[i] = (int)Math.Clamp(Math.Round(bias[i] / (double)scales[i]), int.MinValue, int.MaxValue);
        return Dequantized(Constant(Tensors.Of(NewName("b"), values, values.Length)), scales, axis: 0, zeroPoint: null);
    }

    /// <summary>
    /// The weight scales below which a bias would not fit into 32 bits. A channel of tiny weights with a large bias, as folded
    /// batch normalization leaves it, would otherwise wrap around.
    /// </summary>
    private static float[] SmallestWeightScales(float[] bias, float inputScale)
        => Array.ConvertAll(bias, value => (float)(Math.Abs(value) / (inputScale * (double)(int.MaxValue / 2))));

    private static float[] Bias(WeightedOperator weighted)
    {
        var values = weighted.Bias!.ToSingles();
        if (values.Length == 1 && weighted.Channels != 1) values = [.. Enumerable.Repeat(values[0], weighted.Channels)];
        return weighted.BiasFactor == 1 ? values : Array.ConvertAll(values, value => value * weighted.BiasFactor);
    }

    private string Dequantized(string integers, float scale)
    {
        var name = NewName("d");
        _model.Graph.Node.Add(Nodes.Node("DequantizeLinear", [integers, Scale(scale), ZeroPoint(0)], [name]));
        return name;
    }

    private string Dequantized(string integers, float[] scales, int axis, string? zeroPoint)
    {
        var scale = Constant(Tensors.Of(NewName("s"), scales, scales.Length));
        var name = NewName("d");
        string[] inputs = zeroPoint is null ? [integers, scale] : [integers, scale, zeroPoint];
        _model.Graph.Node.Add(Nodes.Node("DequantizeLinear", inputs, [name]).With("axis", axis));
        return name;
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
        _model.Graph.Node.Add(Nodes.Node("DequantizeLinear", [Constant(stored), Scale(affine.Scale), ZeroPoint(affine.ZeroPoint)], [name]));
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

    /// <summary>
    /// The zero points of a weight, all alike. ONNX Runtime makes an integer Gemm or MatMul only where they are written down, and
    /// not shared: its pass behind <c>session.x64quantprecision</c> replaces them for each weight and fails at the second. For
    /// Conv it adds them itself. TensorRT is given them everywhere, as its own tools write them; there they may be shared.
    /// </summary>
    private string? WeightZeroPoint(WeightedOperator weighted)
    {
        if (_form.UnsignedWeights)
            return Constant(Tensors.Of(NewName("z"), [.. Enumerable.Repeat(UnsignedZero, weighted.Channels)], weighted.Channels));
        if (!_form.Symmetric && weighted.Node.OpType == "Conv") return null;
        if (_form.Symmetric && _zeroVectors.TryGetValue(weighted.Channels, out var shared)) return shared;
        var name = NewName("z");
        return _zeroVectors[weighted.Channels] = Constant(Tensors.Of(name, new sbyte[weighted.Channels], weighted.Channels));
    }

    private string Constant(TensorProto tensor)
    {
        _model.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private void DropUnreadConstants()
    {
        var read = new HashSet<string>(
            _model.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy).Concat(_model.Graph.Output.Select(output => output.Name)));
        for (var i = _model.Graph.Initializer.Count - 1; i >= 0; i--)
        {
            if (!read.Contains(_model.Graph.Initializer[i].Name)) _model.Graph.Initializer.RemoveAt(i);
        }
    }

    // Short names: in a small model they would otherwise weigh as much as the weights.
    private string NewName(string kind)
    {
        while (true)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{kind}{_numbered++}");
            if (!_source.Names.Contains(name)) return name;
        }
    }
}
