using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Modeling.FrontEnds;

/// <summary>
/// The first operators of an exported model, which make features of what an application gives. Nothing of it is trained. The features that
/// networks learn from are what these operators answer, so that training and device hear the same.
/// </summary>
/// <param name="Description">What it computes, for people.</param>
/// <param name="InputShape">Shape of one sample as an application gives it, such as channels and length.</param>
/// <param name="OutputShape">Shape of one sample of features.</param>
/// <param name="Nodes">The operators in order; the first reads <see cref="Input"/>, the last writes <see cref="Output"/>.</param>
/// <param name="Constants">What they read beside it.</param>
internal sealed record FrontEnd(
    string Description, IReadOnlyList<int> InputShape, IReadOnlyList<int> OutputShape, IReadOnlyList<NodeProto> Nodes,
    IReadOnlyList<TensorProto> Constants)
{
    /// <summary>The operator set its operators are of.</summary>
    public const int Opset = 17;

    /// <summary>Name of what comes in, and of the features.</summary>
    public const string Input = "input", Output = "features";

    private const int IrVersion = 8;

    /// <summary>What an application must know beside the shape, by key of the model's metadata.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Writes it at the beginning of a graph whose input has the name <see cref="Input"/>.</summary>
    /// <returns>Name of the features.</returns>
    public string Write(GraphProto graph)
    {
        graph.Node.AddRange(Nodes.Select(node => node.Clone()));
        graph.Initializer.AddRange(Constants.Select(tensor => tensor.Clone()));
        return Output;
    }

    /// <summary>It alone, as a model.</summary>
    public ModelProto Model()
    {
        var graph = new GraphProto
        {
            Name = "front end",
            Input = { Value(Input, InputShape) },
            Output = { Value(Output, OutputShape) },
        };
        Write(graph);
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "fleet-modeling", Graph = graph };
        model.Declare("", Opset);
        return model;
    }

    private static ValueInfoProto Value(string name, IReadOnlyList<int> extents)
    {
        var shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = "batch" } } };
        shape.Dim.AddRange(extents.Select(extent => new TensorShapeProto.Types.Dimension { DimValue = extent }));
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float, Shape = shape } },
        };
    }
}
