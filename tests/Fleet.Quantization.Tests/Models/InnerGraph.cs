using Fleet.Quantization.Onnx.Protos;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Models;

/// <summary>Graphs inside nodes: branches of <c>If</c>, bodies of <c>Loop</c> and <c>Scan</c>.</summary>
internal static class InnerGraph
{
    public static AttributeProto Of(string name, GraphBuilder inner, string[] outputs, (string Name, DataType Type)[]? inputs = null)
    {
        var graph = inner.Build().Graph;
        graph.Name = name;
        graph.Output.Add(outputs.Select(output => new ValueInfoProto { Name = output }));
        graph.Input.Add((inputs ?? []).Select(input => new ValueInfoProto
        {
            Name = input.Name,
            Type = new TypeProto
            {
                // Number of the turn and condition are scalars, which the runtime must be told.
                TensorType = new TypeProto.Types.Tensor
                {
                    ElemType = (int)input.Type,
                    Shape = input.Type == DataType.Float ? null : new TensorShapeProto(),
                },
            },
        }));
        return new AttributeProto { Name = name, Type = AttributeType.Graph, G = graph };
    }
}
