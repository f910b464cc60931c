using System.Globalization;
using System.Text.Json;
using Fleet.Modeling.Data;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using DataType = Fleet.Modeling.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Modeling.Students;

/// <summary>
/// Writes a trained network as ONNX: batch normalization and the input's scale are in the weights already, a mean that is
/// worth an operator is a <c>Sub</c> in front. Opset 17 and IR 8: everything it uses is there, and runtimes on devices that
/// are a few years behind still read it.
/// </summary>
/// <remarks>
/// Vectors of tokens are rows of one matrix, sample below sample: every product with weights is then a plain Gemm, which
/// runtimes and the quantizer know best. Only attention, which mixes the tokens of a sample, sees them apart.
/// </remarks>
internal sealed class StudentExport
{
    /// <summary>Name of the input: values as the sensor gives them, or numbers of tokens; the batch first.</summary>
    public const string Input = "input";

    /// <summary>Name of the output: one logit for each class.</summary>
    public const string Output = "logits";

    /// <summary>Metadata of a file: this and a feature's name is the key of the graph value that holds it and of the shape of one sample of it.</summary>
    public const string FeatureKey = "fleet.feature.";
    /// <summary>Metadata of a model that reads text: its pieces as a JSON array, number by number; how many it takes; and how text is cut into them.</summary>
    public const string VocabularyKey = "vocabulary", LengthKey = "maximumLength", TokenizerKey = "tokenizer";

    private const int Opset = 17;
    private const int IrVersion = 8;

    private readonly GraphProto _graph;
    private string? _remembered;

    private StudentExport(NetworkPlan plan, int classes)
    {
        _graph = new GraphProto { Name = plan.Description };
        _graph.Input.Add(Value(Input, plan.Vocabulary is null ? DataType.Float : DataType.Int64, plan.InputShape));
        _graph.Output.Add(Value(Output, DataType.Float, [classes]));
    }

    /// <summary>Makes the model of a network.</summary>
    public static ModelProto Model(NetworkPlan plan, Normalization normalization, IReadOnlyList<FoldedLayer> layers)
    {
        var export = new StudentExport(plan, layers[^1].Bias.Length);
        var value = Input;
        if (normalization.Mean.Any(mean => mean != 0))
        {
            long[] perChannel = [1, normalization.Mean.Length, .. plan.InputShape.Skip(1).Select(_ => 1L)];
            value = export.Add("Sub", "centered", value, export.Constant(Tensors.Of("mean", normalization.Mean, perChannel)));
        }
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "fleet-modeling", Graph = export._graph };
        foreach (var (place, (folded, step)) in layers.Zip(plan.Walk()).Index())
        {
            value = export.Add(folded, step.Input, $"{place + 1}", value, last: place == layers.Count - 1);
            foreach (var (name, shown, shape) in Shown(folded.Layer, place, value, step)) model.MetadataProps.Add(new StringStringEntryProto { Key = FeatureKey + name, Value = $"{shown} {string.Join("x", shape)}" });
        }
        model.Declare("", Opset);
        if (plan.Vocabulary is { } vocabulary)
        {
            model.MetadataProps.Add(new StringStringEntryProto { Key = VocabularyKey, Value = JsonSerializer.Serialize(vocabulary.Pieces) });
            model.MetadataProps.Add(new StringStringEntryProto { Key = LengthKey, Value = plan.InputShape[0].ToString(CultureInfo.InvariantCulture) });
            model.MetadataProps.Add(new StringStringEntryProto { Key = TokenizerKey, Value = Vocabulary.Description });
        }
        return model;
    }

    // Whoever takes the file as a teacher can ask for its layers by the names they were trained under. The shape is of one
    // sample: tokens of all samples are rows of one matrix here.
    private static IEnumerable<(string Name, string Value, IReadOnlyList<int> Shape)> Shown(Layer layer, int place, string value, (Layer Layer, IReadOnlyList<int> Input, IReadOnlyList<int> Output) step)
    {
        yield return (NetworkPlan.FeatureName(place), value, step.Output);
        if (layer is not Layer.Attention) yield break;
        foreach (var part in NetworkPlan.AttentionParts) yield return ($"{NetworkPlan.FeatureName(place)}.{part}", $"{part}{place + 1}", step.Output);
    }

    private string Add(FoldedLayer folded, IReadOnlyList<int> shape, string number, string input, bool last) => folded.Layer switch
    {
        Layer.Convolution convolution => AddConvolution(folded, convolution.Kernel, convolution.Stride, 1, number, input),
        Layer.Depthwise depthwise => AddConvolution(folded, depthwise.Kernel, depthwise.Stride, shape[0], number, input),
        Layer.MaxPool pool => AddPool(pool, shape.Count - 1, number, input),
        // GlobalAveragePool keeps the spatial axes at 1; what follows takes rows.
        Layer.GlobalAverage => Add("Flatten", $"rows{number}", Add("GlobalAveragePool", $"average{number}", input)),
        Layer.Flatten => Add("Flatten", $"rows{number}", input),
        Layer.Dense => Add("Relu", $"relu{number}", AddGemm(folded, number, input, $"dense{number}")),
        Layer.Classifier when last => AddGemm(folded, number, input, Output),
        Layer.Tokens => Add("Gather", $"tokens{number}", Weight(folded, number), input),
        Layer.Positions => Reshaped($"rows{number}", Add("Add", $"placed{number}", input, Weight(folded, number)), -1, shape[1]),
        Layer.Linear => AddGemm(folded, number, input, $"linear{number}"),
        Layer.LayerNormalization => AddNormalization(folded, number, input),
        Layer.Gelu => AddGelu(number, input),
        Layer.Attention attention => AddAttention(attention, shape, number, input),
        Layer.TokenMean => AddTokenMean(shape, number, input),
        Layer.Remember => _remembered = input,
        Layer.AddRemembered => Add("Add", $"sum{number}", _remembered!, input),
        _ => throw new NotSupportedException($"Layer {folded.Layer} has no ONNX form at place {number}."),
    };

    private string AddConvolution(FoldedLayer folded, int kernel, int stride, int groups, string number, string input)
    {
        var axes = folded.WeightShape.Count - 2;
        var node = Node("Conv", $"conv{number}", input, Weight(folded, number), Bias(folded, number))
            .With("kernel_shape", Enumerable.Repeat((long)kernel, axes))
            .With("strides", Enumerable.Repeat((long)stride, axes))
            .With("pads", Enumerable.Repeat((long)kernel / 2, 2 * axes));
        if (groups > 1) node.With("group", groups);
        return Add("Relu", $"relu{number}", node.Output[0]);
    }

    private string AddPool(Layer.MaxPool pool, int axes, string number, string input)
        => Node("MaxPool", $"pool{number}", input)
            .With("kernel_shape", Enumerable.Repeat((long)pool.Size, axes))
            .With("strides", Enumerable.Repeat((long)pool.Size, axes)).Output[0];

    // Beta is written although 1 is its default: readers that fold it into a quantized bias want to find it.
    private string AddGemm(FoldedLayer folded, string number, string input, string output)
        => Node("Gemm", output, input, Weight(folded, number), Bias(folded, number))
            .With("alpha", 1f).With("beta", 1f).With("transA", 0L).With("transB", 1L).Output[0];

    private string AddNormalization(FoldedLayer folded, string number, string input)
        => Node("LayerNormalization", $"normal{number}", input, Weight(folded, number), Bias(folded, number))
            .With("axis", -1L).With("epsilon", (float)Network.NormalizationEpsilon).Output[0];

    // x/2 (1 + erf(x / sqrt 2)), operator by operator: an operator Gelu only came with opset 20, and runtimes fuse this form.
    private string AddGelu(string number, string input)
    {
        var error = Add("Erf", $"erf{number}", Add("Div", $"scaled{number}", input, Scalar("root2", MathF.Sqrt(2))));
        return Add("Mul", $"gelu{number}", Add("Mul", $"weighted{number}", input, Add("Add", $"shifted{number}", error, Scalar("one", 1))), Scalar("half", 0.5f));
    }

    private string AddAttention(Layer.Attention attention, IReadOnlyList<int> shape, string number, string input)
    {
        var (length, width) = (shape[0], shape[1] / 3);
        var split = Nodes.Node("Split", [input, Integers("thirds", width, width, width)], [$"query{number}", $"key{number}", $"value{number}"], $"split{number}").With("axis", 1L);
        _graph.Node.Add(split);
        string Heads(string part, params long[] order)
            => Node("Transpose", $"heads_{part}", Reshaped($"apart_{part}", part, -1, length, attention.Heads, width / attention.Heads)).With("perm", order).Output[0];
        var query = Add("Mul", $"scaled{number}", Heads(split.Output[0], 0, 2, 1, 3), Scalar($"rootOfWidth{width / attention.Heads}", 1 / MathF.Sqrt(width / attention.Heads)));
        var scores = Add("Add", $"scores{number}", Add("MatMul", $"products{number}", query, Heads(split.Output[1], 0, 2, 3, 1)), Padding());
        var weights = Node("Softmax", $"weights{number}", scores).With("axis", -1L).Output[0];
        var mixed = Node("Transpose", $"together{number}", Add("MatMul", $"mixed{number}", weights, Heads(split.Output[2], 0, 2, 1, 3))).With("perm", new long[] { 0, 2, 1, 3 });
        return Reshaped($"attended{number}", mixed.Output[0], -1, width);
    }

    private string AddTokenMean(IReadOnlyList<int> shape, string number, string input)
    {
        var apart = Reshaped($"apart{number}", input, -1, shape[0], shape[1]);
        var present = Add("Unsqueeze", $"present{number}", Once("present", () => Cast("present", Add("Not", "isToken", IsPadding()))), Integers("axis2", 2));
        string Sum(string name, string value) => Node("ReduceSum", name, value, Integers("axis1", 1)).With("keepdims", 0L).Output[0];
        return Add("Div", $"mean{number}", Sum($"sum{number}", Add("Mul", $"kept{number}", apart, present)), Add("Max", $"count{number}", Sum($"length{number}", present), Scalar("one", 1)));
    }

    private string IsPadding() => Once("isPadding", () => Add("Equal", "isPadding", Input, Integers("padding", Vocabulary.Padding)));

    /// <summary>What is added to scores: nothing for a token, much below zero for padding; one for all heads and all queries.</summary>
    private string Padding() => Once("paddingScores", () => Add("Unsqueeze", "paddingScores",
        Add("Mul", "paddingRow", Cast("paddingValues", IsPadding()), Scalar("paddingScore", Network.PaddingScore)), Integers("headAndQuery", 1, 2)));

    private string Cast(string output, string input) => Node("Cast", output, input).With("to", (long)DataType.Float).Output[0];

    private string Reshaped(string output, string input, params long[] shape) => Add("Reshape", output, input, Integers($"shape_{output}", shape));

    private string Weight(FoldedLayer folded, string number) => Constant(Tensors.Of($"weight{number}", folded.Weight, [.. folded.WeightShape.Select(extent => (long)extent)]));

    private string Bias(FoldedLayer folded, string number) => Constant(Tensors.Of($"bias{number}", folded.Bias, [folded.Bias.Length]));

    private string Scalar(string name, float value) => Constant(Tensors.Of(name, new[] { value }));

    private string Integers(string name, params long[] values) => Constant(Tensors.Of(name, values, values.Length));

    private string Constant(TensorProto tensor)
    {
        if (_graph.Initializer.All(known => known.Name != tensor.Name)) _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Makes a value that several layers read where the first of them does.</summary>
    private string Once(string name, Func<string> make) => _graph.Node.Any(node => node.Output.Contains(name)) ? name : make();

    private string Add(string operation, string output, params string[] inputs) => Node(operation, output, inputs).Output[0];

    private NodeProto Node(string operation, string output, params string[] inputs)
    {
        var node = Nodes.Node(operation, inputs, [output], output);
        _graph.Node.Add(node);
        return node;
    }

    private static ValueInfoProto Value(string name, DataType type, IReadOnlyList<int> extents)
    {
        var shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = "batch" } } };
        shape.Dim.AddRange(extents.Select(extent => new TensorShapeProto.Types.Dimension { DimValue = extent }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }
}
