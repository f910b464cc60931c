using Fleet.Modeling.Onnx.Protos;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Onnx;

/// <summary>
/// Writes a trained network as ONNX: batch normalization and the input's scale are in the weights already, a mean that is
/// worth an operator is a <c>Sub</c> in front. Opset 17 and IR 8: everything it uses is there, and runtimes on devices that
/// are a few years behind still read it.
/// </summary>
internal static class StudentExport
{
    /// <summary>Name of the input: values as the sensor gives them, the batch first.</summary>
    public const string Input = "input";

    /// <summary>Name of the output: one logit for each class.</summary>
    public const string Output = "logits";

    /// <summary>Metadata of a file: this and a feature's name is the key of the graph value that holds it.</summary>
    public const string FeatureKey = "fleet.feature.";

    private const int Opset = 17;
    private const int IrVersion = 8;

    /// <summary>Makes the model of a network.</summary>
    public static ModelProto Model(NetworkPlan plan, Normalization normalization, IReadOnlyList<FoldedLayer> layers)
    {
        var graph = new GraphProto { Name = plan.Description };
        graph.Input.Add(Value(Input, [.. plan.InputShape]));
        graph.Output.Add(Value(Output, [layers[^1].Bias.Length]));

        var value = Input;
        if (normalization.Mean.Any(mean => mean != 0))
        {
            long[] perChannel = [1, normalization.Mean.Length, .. plan.InputShape.Skip(1).Select(_ => 1L)];
            graph.Initializer.Add(Tensors.Of("mean", normalization.Mean, perChannel));
            value = Add(graph, "Sub", "centered", [value, "mean"]);
        }
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "fleet-modeling", Graph = graph };
        for (var i = 0; i < layers.Count; i++)
        {
            value = Add(graph, layers[i], $"{i + 1}", value, last: i == layers.Count - 1);
            // Whoever takes the file as a teacher can ask for its layers by the names they were trained under.
            model.MetadataProps.Add(new StringStringEntryProto { Key = FeatureKey + NetworkPlan.FeatureName(i), Value = value });
        }
        model.Declare("", Opset);
        return model;
    }

    private static string Add(GraphProto graph, FoldedLayer folded, string number, string input, bool last) => folded.Layer switch
    {
        Layer.Convolution convolution => AddConvolution(graph, folded, convolution, number, input),
        Layer.MaxPool pool => AddPool(graph, pool, number, input),
        // GlobalAveragePool keeps the spatial axes at 1; what follows takes rows.
        Layer.GlobalAverage => Add(graph, "Flatten", $"rows{number}", [Add(graph, "GlobalAveragePool", $"average{number}", [input])]),
        Layer.Flatten => Add(graph, "Flatten", $"rows{number}", [input]),
        Layer.Dense => Add(graph, "Relu", $"relu{number}", [AddGemm(graph, folded, number, input, $"dense{number}")]),
        Layer.Classifier when last => AddGemm(graph, folded, number, input, Output),
        _ => throw new NotSupportedException($"Layer {folded.Layer} has no ONNX form at place {number}."),
    };

    private static string AddConvolution(GraphProto graph, FoldedLayer folded, Layer.Convolution convolution, string number, string input)
    {
        var axes = folded.WeightShape.Count - 2;
        AddWeights(graph, folded, number);
        var node = Nodes.Node("Conv", [input, $"weight{number}", $"bias{number}"], [$"conv{number}"], $"conv{number}")
            .With("kernel_shape", Enumerable.Repeat((long)convolution.Kernel, axes))
            .With("strides", Enumerable.Repeat((long)convolution.Stride, axes))
            .With("pads", Enumerable.Repeat((long)convolution.Kernel / 2, 2 * axes));
        graph.Node.Add(node);
        return Add(graph, "Relu", $"relu{number}", [node.Output[0]]);
    }

    private static string AddPool(GraphProto graph, Layer.MaxPool pool, string number, string input)
    {
        var axes = graph.Input[0].Type.TensorType.Shape.Dim.Count - 2;
        var node = Nodes.Node("MaxPool", [input], [$"pool{number}"], $"pool{number}")
            .With("kernel_shape", Enumerable.Repeat((long)pool.Size, axes))
            .With("strides", Enumerable.Repeat((long)pool.Size, axes));
        graph.Node.Add(node);
        return node.Output[0];
    }

    // Beta is written although 1 is its default: readers that fold it into a quantized bias want to find it.
    private static string AddGemm(GraphProto graph, FoldedLayer folded, string number, string input, string output)
    {
        AddWeights(graph, folded, number);
        graph.Node.Add(Nodes.Node("Gemm", [input, $"weight{number}", $"bias{number}"], [output], output)
            .With("alpha", 1f).With("beta", 1f).With("transA", 0L).With("transB", 1L));
        return output;
    }

    private static void AddWeights(GraphProto graph, FoldedLayer folded, string number)
    {
        graph.Initializer.Add(Tensors.Of($"weight{number}", folded.Weight, [.. folded.WeightShape.Select(extent => (long)extent)]));
        graph.Initializer.Add(Tensors.Of($"bias{number}", folded.Bias, [folded.Bias.Length]));
    }

    private static string Add(GraphProto graph, string operation, string output, string[] inputs)
    {
        graph.Node.Add(Nodes.Node(operation, inputs, [output], output));
        return output;
    }

    private static ValueInfoProto Value(string name, int[] extents)
    {
        var shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = "batch" } } };
        shape.Dim.AddRange(extents.Select(extent => new TensorShapeProto.Types.Dimension { DimValue = extent }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorProto.Types.DataType.Float, Shape = shape } } };
    }
}
