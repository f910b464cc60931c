using System.Globalization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Writing;

/// <summary>The part that writes weights and biases.</summary>
internal sealed partial class QdqWriter
{
    /// <summary>The scales of an operator's weights, by channel, where its bias does not ask for larger ones.</summary>
    public static float[] FreeScalesOf(WeightedOperator weighted, IntegerForm form) => Free(weighted, form).Scales;

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

        var stored = HomeOf(weighted.Weight).Stored(key, weighted, smallestScales);
        var name = weighted.HasOneScale ? Dequantized(stored.Name, stored.Scales[0])
            : Dequantized(stored.Name, stored.Scales, weighted.Axis, WeightZeroPoint(weighted));
        return _weights[key] = (name, stored.Scales);
    }

    /// <summary>The writer of the graph that holds a constant, where all that read it have its integers from.</summary>
    private QdqWriter HomeOf(TensorProto constant) => _outer is null || _own.Contains(constant.Name) ? this : _outer.HomeOf(constant);

    /// <summary>The integers of a weight of this graph, stored once for it and all graphs within.</summary>
    private StoredIntegers Stored(string key, WeightedOperator weighted, float[]? smallestScales)
    {
        if (_stored.TryGetValue(key, out var known)
            && (smallestScales is null || known.Scales.Zip(smallestScales).All(pair => pair.First >= pair.Second)))
            return known;
        var quantized = _grids is null
            ? Rounded(weighted, smallestScales)
            : ChannelWeights.On(_grids.Weights[weighted.Node.Output[0]], weighted.Values(), weighted.Weight.Dims, weighted.Axis);
        var integers = Stored(quantized.Values, [.. weighted.Weight.Dims], _grids?.Weights[weighted.Node.Output[0]].Bits ?? 8);
        return _stored[key] = new StoredIntegers(integers, quantized.Scales);
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
        if (width == 8) return Constant(Tensors.Over(NewName("w"), values, extents));
        _written.Opset = Math.Max(_written.Opset, width == 2 ? Int2Opset : Int4Opset);
        var (perByte, mask) = (8 / width, (1 << width) - 1);
        var packed = new byte[(values.Length + perByte - 1) / perByte];
        for (var i = 0; i < values.Length; i++) packed[i / perByte] |= (byte)((values[i] & mask) << i % perByte * width);
        var name = NewName("w");
        var few = Constant(Tensors.Create(
            NewName("w"), width == 2 ? TensorProto.Types.DataType.Int2 : TensorProto.Types.DataType.Int4, packed, extents));
        _graph.Node.Add(Nodes.Node("Cast", [few], [name]).With("to", (long)TensorProto.Types.DataType.Int8));
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
        _graph.Node.Add(Nodes.Node("DequantizeLinear", [integers, Scale(scale), ZeroPoint(0)], [name]));
        return name;
    }

    private string Dequantized(string integers, float[] scales, int axis, string? zeroPoint)
    {
        var scale = Constant(Tensors.Of(NewName("s"), scales, scales.Length));
        var name = NewName("d");
        string[] inputs = zeroPoint is null ? [integers, scale] : [integers, scale, zeroPoint];
        _graph.Node.Add(Nodes.Node("DequantizeLinear", inputs, [name]).With("axis", axis));
        return name;
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

    /// <summary>Integers of a weight in the graph that holds it, and the scales of its channels.</summary>
    private sealed record StoredIntegers(string Name, float[] Scales);
}
