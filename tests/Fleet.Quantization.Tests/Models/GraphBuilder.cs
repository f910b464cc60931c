using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Models;

/// <summary>Builds tiny models for tests, with reproducible weights.</summary>
internal sealed class GraphBuilder
{
    private readonly ModelProto _model = new() { IrVersion = 8, Graph = new GraphProto { Name = "test" } };
    private readonly Random _random = new(7);

    public GraphBuilder(long opset = 17) => _model.Declare("", opset);

    public GraphBuilder Input(string name, params long[] shape) => With(() => _model.Graph.Input.Add(Value(name, shape)));

    public GraphBuilder Output(string name, params long[] shape) => With(() => _model.Graph.Output.Add(Value(name, shape)));

    /// <summary>Weights drawn from a normal distribution scaled by the fan-in.</summary>
    public GraphBuilder Weight(string name, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (product, extent) => product * extent)];
        var deviation = 1 / Math.Sqrt(
            Math.Max(1, shape.Skip(shape.Length > 1 ? 1 : 0).Aggregate(1L, (product, extent) => product * extent)));
        for (var i = 0; i < values.Length; i++) values[i] = (float)(Gaussian() * deviation);
        return Constant(Tensors.Of(name, values, shape));
    }

    public GraphBuilder Constant(TensorProto tensor) => With(() => _model.Graph.Initializer.Add(tensor));

    public GraphBuilder Node(string operation, string[] inputs, string output, Action<NodeProto>? attributes = null)
    {
        var node = Nodes.Node(operation, inputs, [output]);
        attributes?.Invoke(node);
        return With(() => _model.Graph.Node.Add(node));
    }

    public ModelProto Build() => _model;

    private double Gaussian() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private GraphBuilder With(Action change)
    {
        change();
        return this;
    }

    private static ValueInfoProto Value(string name, long[] shape)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float, Shape = new TensorShapeProto() };
        foreach (var extent in shape)
            tensor.Shape.Dim.Add(extent < 0
                ? new TensorShapeProto.Types.Dimension { DimParam = "N" }
                : new TensorShapeProto.Types.Dimension { DimValue = extent });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
