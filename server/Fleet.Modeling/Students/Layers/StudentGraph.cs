using Fleet.Contracts.Inputs;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Modeling.Students.Layers;

/// <summary>The ONNX graph of a student while its layers write themselves into it.</summary>
/// <remarks>
/// Vectors of tokens are rows of one matrix, sample below sample: every product with weights is then a plain Gemm, which
/// runtimes and the quantizer know best. Only attention, which mixes the tokens of a sample, sees them apart.
/// </remarks>
internal sealed class StudentGraph
{
    /// <summary>Name of the input: values as the sensor gives them, or numbers of tokens; the batch first.</summary>
    public const string Input = "input";

    /// <param name="name">Name of the graph.</param>
    /// <param name="tokens">The input holds numbers of tokens.</param>
    /// <param name="input">Shape of one sample.</param>
    /// <param name="outputs">What the graph ends in.</param>
    public StudentGraph(string name, bool tokens, IReadOnlyList<int> input, IEnumerable<HeadOutput> outputs)
    {
        Graph = new GraphProto { Name = name };
        Graph.Input.Add(Value(Input, tokens ? DataType.Int64 : DataType.Float, input));
        Graph.Output.AddRange(outputs.Select(output => Value(output.Name, DataType.Float, output.Shape)));
    }

    /// <summary>What is written so far.</summary>
    public GraphProto Graph { get; }

    /// <summary>Names of the values that each <see cref="Remember"/> took in and nothing has used yet.</summary>
    public Stack<string> Remembered { get; } = [];

    /// <summary>
    /// Makes the value that holds what comes into the first layer at mean 0 and deviation 1, where nothing made it yet, and names it. Set
    /// before the layers are written.
    /// </summary>
    public Func<string> Standardized { get; set; } = () => Input;

    /// <summary>Adds an operator with one output, which gives it its name.</summary>
    /// <returns>Name of the output.</returns>
    public string Add(string operation, string output, params string[] inputs) => Node(operation, output, inputs).Output[0];

    /// <summary>Adds an operator with one output, for its attributes to be set.</summary>
    public NodeProto Node(string operation, string output, params string[] inputs) => Node(operation, [output], output, inputs);

    /// <summary>Adds an operator.</summary>
    public NodeProto Node(string operation, IReadOnlyList<string> outputs, string name, params string[] inputs)
    {
        var node = Nodes.Node(operation, inputs, [.. outputs], name);
        Graph.Node.Add(node);
        return node;
    }

    // Beta is written although 1 is its default: readers that fold it into a quantized bias want to find it.
    /// <summary>Adds the product of what comes into a layer with its weights, and its bias.</summary>
    public string Gemm(LayerExport layer, string output)
        => Node("Gemm", output, layer.Input, Weight(layer), Bias(layer)).With("alpha", 1f).With("beta", 1f).With("transA", 0L)
            .With("transB", 1L).Output[0];

    /// <summary>The weights of a layer.</summary>
    public string Weight(LayerExport layer)
        => Constant(Tensors.Of($"weight{layer.Number}", layer.Folded.Weight, [.. layer.Folded.WeightShape.Select(extent => (long)extent)]));

    /// <summary>The bias of a layer.</summary>
    public string Bias(LayerExport layer) => Constant(Tensors.Of($"bias{layer.Number}", layer.Folded.Bias, [layer.Folded.Bias.Length]));

    /// <summary>A number.</summary>
    public string Scalar(string name, float value) => Constant(Tensors.Of(name, new[] { value }));

    /// <summary>A number without axes, such as a bound.</summary>
    public string Number(string name, float value) => Constant(Tensors.Of(name, new[] { value }, []));

    /// <summary>Whole numbers, such as axes.</summary>
    public string Integers(string name, params long[] values) => Constant(Tensors.Of(name, values, values.Length));

    /// <summary>A constant; a second one of the same name is the first.</summary>
    public string Constant(TensorProto tensor)
    {
        if (Graph.Initializer.All(known => known.Name != tensor.Name)) Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>A value as floats.</summary>
    public string Cast(string output, string input) => Node("Cast", output, input).With("to", (long)DataType.Float).Output[0];

    /// <summary>A value in another shape.</summary>
    public string Reshaped(string output, string input, params long[] shape)
        => Add("Reshape", output, input, Integers($"shape_{output}", shape));

    /// <summary>True where the input holds padding.</summary>
    public string IsPadding() => Once("isPadding", () => Add("Equal", "isPadding", Input, Integers("padding", Vocabulary.Padding)));

    /// <summary>Makes a value that several layers read where the first of them does.</summary>
    public string Once(string name, Func<string> make) => Graph.Node.Any(node => node.Output.Contains(name)) ? name : make();

    private static ValueInfoProto Value(string name, DataType type, IReadOnlyList<int> extents)
    {
        var shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = "batch" } } };
        shape.Dim.AddRange(extents.Select(extent => new TensorShapeProto.Types.Dimension { DimValue = extent }));
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } },
        };
    }
}
