using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Requantization;

/// <summary>
/// The part for operators that compute with integers themselves
/// (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).
/// </summary>
internal sealed partial class FloatForm
{
    /// <summary>Operators of ONNX Runtime with one input and output in integers, by their float form.</summary>
    private static readonly Dictionary<string, string> Unary = new()
    {
        ["QLinearSigmoid"] = "Sigmoid",
        ["QLinearLeakyRelu"] = "LeakyRelu",
        ["QLinearGlobalAveragePool"] = "GlobalAveragePool",
        ["QLinearAveragePool"] = "AveragePool",
        ["QLinearSoftmax"] = "Softmax",
    };

    /// <summary>Those with two.</summary>
    private static readonly Dictionary<string, string> Binary = new()
    {
        ["QLinearAdd"] = "Add",
        ["QLinearMul"] = "Mul",
        ["QLinearMatMul"] = "MatMul",
    };

    private static bool IsInteger(NodeProto node) => Unary.ContainsKey(node.OpType) || Binary.ContainsKey(node.OpType)
        || node.OpType is "QLinearConv" or "QLinearConcat" or "MatMulInteger" or "ConvInteger";

    private bool TryInteger(NodeProto node)
    {
        switch (node.OpType)
        {
            case "QLinearConv":
                var filter = Real(node, 3, axis: 0);
                Rounded(node, "Conv", [Real(node, 0), filter, .. Bias(node)], scale: 6);
                return true;
            case var operation when Binary.TryGetValue(operation, out var binary):
                Rounded(node, binary, [Real(node, 0), Real(node, 3, axis: -1)], scale: 6);
                return true;
            case var operation when Unary.TryGetValue(operation, out var unary):
                if (node.Int("channels_last", 0) != 0) throw NoForm(node, "its channels come last");
                Rounded(node, unary, [Real(node, 0)], scale: 3);
                return true;
            case "QLinearConcat":
                Rounded(node, "Concat", [.. Enumerable.Range(0, (node.Input.Count - 2) / 3).Select(i => Real(node, 2 + 3 * i))], scale: 0);
                return true;
            case "DynamicQuantizeLinear":
                _real[node.Output[0]] = node.Input[0];
                // The real values are those that were rounded; what their scale multiplies later is then multiplied with one.
                Add(Tensors.Of(node.Output[1], [1f]));
                return true;
            case "MatMulInteger":
            case "ConvInteger":
                // Products of integers are floats from here on; the Cast behind them changes nothing.
                Emit(Renamed(node, node.Is("MatMulInteger") ? "MatMul" : "Conv", [Left(node), Whole(node)], node.Output[0]));
                return true;
            case "MatMulNBits":
                Emit(Renamed(node, "MatMul", [node.Input[0], Add(PackedWeights.Of(node, _source, NewName(node.Input[1])))],
                    node.InputAt(5) is null ? node.Output[0] : NewName(node.Output[0])));
                if (node.InputAt(5) is { } bias)
                    Emit(Nodes.Node("Add", [_model.Graph.Node[^1].Output[0], bias], [node.Output[0]]));
                return true;
            default:
                return false;
        }
    }

    private void Rounded(NodeProto node, string operation, string[] inputs, int scale)
    {
        var real = NewName(node.Output[0]);
        Emit(Renamed(node, operation, inputs, real));
        Stand(node, node.Output[0], real, node.Input[scale], node.InputAt(scale + 1));
    }

    private static NodeProto Renamed(NodeProto node, string operation, IEnumerable<string> inputs, string output)
    {
        var renamed = Nodes.Node(operation, inputs, [output], node.Name);
        renamed.Attribute.AddRange(node.Attribute.Where(attribute => attribute.Name is not ("channels_last" or "opset"
            or "K" or "N" or "bits" or "block_size" or "accuracy_level")).Select(attribute => attribute.Clone()));
        return renamed;
    }

    /// <summary>The real value of input <paramref name="at"/>, whose scale and zero point follow it.</summary>
    private string Real(NodeProto node, int at, int axis = 0)
    {
        var integers = node.Input[at];
        if (_real.TryGetValue(integers, out var real)) return real;
        real = NewName(integers);
        if (_source.Constant(integers) is { } weight && weight.Elements() > 0)
        {
            var scales = Constant(node, node.Input[at + 1]);
            var zeros = node.InputAt(at + 2) is { } zero ? Constant(node, zero) : null;
            return Add(Tensors.Of(real, Dequantized(weight, scales, zeros, axis), [.. weight.Dims]));
        }
        Emit(Nodes.Node("DequantizeLinear", node.InputAt(at + 2) is { } point
            ? [integers, node.Input[at + 1], point]
            : [integers, node.Input[at + 1]], [real]));
        return real;
    }

    /// <summary>The bias of a convolution: integers in steps of the input's scale times the weight's.</summary>
    private IEnumerable<string> Bias(NodeProto node)
    {
        if (node.InputAt(8) is not { } name) yield break;
        var bias = Constant(node, name).ToInt64s();
        var (input, weight) = (Constant(node, node.Input[1]).ToSingles()[0], Constant(node, node.Input[4]).ToSingles());
        yield return Add(Tensors.Of(NewName(name),
            [.. bias.Select((value, i) => value * input * weight[weight.Length == 1 ? 0 : i])], bias.Length));
    }

    /// <summary>What is left of a product of integers: its real value where it was rounded at run time.</summary>
    private string Left(NodeProto node) => _real.TryGetValue(node.Input[0], out var real)
        ? real
        : throw NoForm(node, "its input is not rounded in the model");

    /// <summary>The weight of a product of integers in whole numbers above its zero point.</summary>
    private string Whole(NodeProto node)
    {
        var weight = Constant(node, node.Input[1]);
        var zeros = node.InputAt(3) is { } name ? Constant(node, name) : null;
        return Add(Tensors.Of(NewName(node.Input[1]),
            Dequantized(weight, Tensors.Of("", [1f]), zeros, node.Is("ConvInteger") ? 0 : -1), [.. weight.Dims]));
    }

    private static float[] Dequantized(TensorProto weight, TensorProto scales, TensorProto? zeros, int axis)
    {
        var (integers, steps) = (weight.ToInt64s(), scales.ToSingles());
        var points = zeros?.ToInt64s() ?? [0];
        var along = axis < 0 ? weight.Dims.Count + axis : axis;
        var inner = weight.Dims.Skip(along + 1).Aggregate(1L, (product, extent) => product * extent);
        var real = new float[integers.Length];
        for (var i = 0; i < real.Length; i++)
        {
            var channel = weight.Dims.Count == 0 ? 0 : (int)(i / inner % weight.Dims[along]);
            real[i] = (integers[i] - points[points.Length == 1 ? 0 : channel]) * steps[steps.Length == 1 ? 0 : channel];
        }
        return real;
    }

    private TensorProto Constant(NodeProto node, string value)
        => _source.Constant(value) ?? throw NoForm(node, $"'{value}' is computed");

    private static InvalidDataException NoForm(NodeProto node, string why)
        => new($"{node.Title()} ({node.OpType}) has no float form: {why}.");
}
