using CsCheck;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>What a mutation changes.</summary>
internal enum Target
{
    Operator, Domain, NodeOrder, NodeTwice, NodeGone, NodeIntoBranch, BranchElsewhere,
    Input, Output, InputGone, InputMore, OutputTwice,
    AttributeNumber, AttributeGone, AttributeNew, AttributeKind,
    TensorExtents, TensorType, TensorBytes, TensorValues, TensorGone, TensorTwice, TensorAsInput, TensorElsewhere,
    GraphInput, GraphOutput, GraphValueType, GraphValueExtents, GraphValueGone,
    Format, OperatorSet, Function,
}

/// <summary>One change of a model, by numbers that are taken modulo what there is: every mutation fits every model.</summary>
/// <param name="Target">What is changed.</param>
/// <param name="First">Chooses among the things of that kind.</param>
/// <param name="Second">Chooses the change.</param>
internal sealed record Mutation(Target Target, int First, int Second)
{
    /// <summary>Numbers on which programs break.</summary>
    private static readonly long[] Numbers = [
        0, 1, -1, 2, 3, 7, 255, 65536, int.MaxValue, (long)int.MaxValue + 1, 1L << 40, long.MaxValue, long.MinValue, -2, 1 << 20,
    ];

    private static readonly string[] Operators =
    [
        "Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Add", "Mul", "Concat", "Split", "Slice", "Gather", "Reshape", "Transpose",
        "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile",
        "Pad", "Resize", "Upsample", "MaxPool", "AveragePool", "GlobalAveragePool", "BatchNormalization", "LayerNormalization", "Softmax",
        "Clip", "Cast", "Shape", "Size", "Constant",
        "ConstantOfShape", "Range", "TopK", "NonMaxSuppression", "OneHot", "ScatterND", "GatherND", "Einsum", "LSTM", "GRU", "RNN", "If",
        "Loop", "Scan", "SequenceConstruct", "SequenceAt", "Optional",
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "Identity", "Dropout", "ReduceSum", "ReduceMean",
        "CumSum", "EyeLike", "RandomNormal", "StringNormalizer", "Hovercraft",
    ];

    private static readonly string[] Attributes = [
        "axis", "axes", "perm", "kernel_shape", "strides", "pads", "dilations", "group", "transA", "transB", "alpha", "beta", "to",
        "hidden_size", "direction", "mode", "value", "auto_pad", "keepdims", "body", "then_branch", "num_scan_inputs", "block_size",
        "ceil_mode", "epsilon", "equation", "layout",
    ];

    /// <summary>Models in the making: one of <paramref name="seeds"/> after one to three changes.</summary>
    public static Gen<(int Seed, Mutation[] Mutations)> Models(int seeds) => Gen.Select(Gen.Int[0, seeds - 1],
        Gen.Select(Gen.Int[0, Enum.GetValues<Target>().Length - 1], Gen.Int[0, 9999], Gen.Int[0, 9999],
            (target, first, second) => new Mutation((Target)target, first, second)).Array[1, 3]);

    /// <summary>Changes <paramref name="model"/>.</summary>
    public void Apply(ModelProto model)
    {
        GraphProto[] graphs = [.. Scopes.Of(model.Graph)];
        var graph = graphs[First % graphs.Length];
        NodeProto[] nodes = [.. Scopes.NodesOf(model.Graph)];
        var node = nodes.Length == 0 ? new NodeProto() : nodes[First % nodes.Length];
        TensorProto[] tensors = [.. ExternalData.TensorsOf(model)];
        var tensor = tensors.Length == 0 ? new TensorProto() : tensors[First % tensors.Length];
        ValueInfoProto[] values = [.. graphs.SelectMany(one => one.Input.Concat(one.Output).Concat(one.ValueInfo))];
        var value = values.Length == 0 ? new ValueInfoProto() : values[First % values.Length];
        var attribute = node.Attribute.Count == 0 ? new AttributeProto() : node.Attribute[Second % node.Attribute.Count];
        string[] names = [
            .. nodes.SelectMany(one => one.Input.Concat(one.Output)).Concat(values.Select(one => one.Name)).Append("")
                .Append("nowhere").Distinct(),
        ];
        var name = names[Second % names.Length];
        var number = Numbers[Second % Numbers.Length];
        switch (Target)
        {
            case Target.Operator:
                node.OpType = Operators[Second % Operators.Length];
                break;
            case Target.Domain:
                node.Domain = new[] { "", "ai.onnx", "com.microsoft", "ai.onnx.ml", "own", "\0" }[Second % 6];
                break;
            case Target.NodeOrder when graph.Node.Count > 1:
                (graph.Node[0], graph.Node[^1]) = (graph.Node[^1].Clone(), graph.Node[0].Clone());
                break;
            case Target.NodeTwice:
                graph.Node.Add(node.Clone());
                break;
            case Target.NodeGone when graph.Node.Count > 0:
                graph.Node.RemoveAt(Second % graph.Node.Count);
                break;
            case Target.NodeIntoBranch:
                graphs[Second % graphs.Length].Node.Insert(0, node.Clone());
                break;
            case Target.BranchElsewhere:
                node.Attribute.Add(new AttributeProto
                {
                    Name = Second % 2 == 0 ? "body" : "then_branch",
                    Type = AttributeType.Graph,
                    G = graphs[Second % graphs.Length].Clone(),
                });
                break;
            case Target.Input when node.Input.Count > 0:
                node.Input[Second % node.Input.Count] = names[(First + Second) % names.Length];
                break;
            case Target.Output when node.Output.Count > 0:
                node.Output[Second % node.Output.Count] = names[(First + Second) % names.Length];
                break;
            case Target.InputGone when node.Input.Count > 0:
                node.Input.RemoveAt(Second % node.Input.Count);
                break;
            case Target.InputMore:
                node.Input.Add(name);
                break;
            case Target.OutputTwice:
                node.Output.Add(name);
                break;
            case Target.AttributeNumber:
                Change(attribute, number);
                break;
            case Target.AttributeGone when node.Attribute.Count > 0:
                node.Attribute.Remove(attribute);
                break;
            case Target.AttributeNew:
                node.With(Attributes[Second % Attributes.Length], First % 2 == 0 ? number : -number);
                break;
            case Target.AttributeKind:
                attribute.Type = (AttributeType)(Second % 15);
                break;
            case Target.TensorExtents:
                Extents(tensor.Dims, number);
                break;
            case Target.TensorType:
                tensor.DataType = Second % 30;
                break;
            case Target.TensorBytes:
                tensor.RawData = ByteString.CopyFrom(
                    [.. tensor.RawData.ToByteArray().Take(Second % 3 == 0 ? 3 : 9999), .. new byte[Second % 5]]);
                break;
            case Target.TensorValues:
                tensor.RawData = ByteString.CopyFrom([.. Enumerable.Repeat((byte)(Second % 2 == 0 ? 0xFF : 0x7F), tensor.RawData.Length)]);
                break;
            case Target.TensorGone when graph.Initializer.Count > 0:
                graph.Initializer.RemoveAt(Second % graph.Initializer.Count);
                break;
            case Target.TensorTwice:
                graph.Initializer.Add(tensor.Clone());
                break;
            case Target.TensorAsInput:
                graph.Input.Add(new ValueInfoProto { Name = tensor.Name });
                break;
            case Target.TensorElsewhere:
                tensor.DataLocation = DataLocation.External;
                tensor.ExternalData.Add(new StringStringEntryProto
                {
                    Key = "location",
                    Value = new[] { "", "a.bin", "../a.bin", "/etc/passwd", ".", "\0" }[Second % 6],
                });
                tensor.ExternalData.Add(new StringStringEntryProto { Key = Second % 2 == 0 ? "offset" : "length", Value = $"{number}" });
                break;
            case Target.GraphInput:
                graph.Input.Add(new ValueInfoProto { Name = name });
                break;
            case Target.GraphOutput:
                graph.Output.Add(new ValueInfoProto { Name = name });
                break;
            case Target.GraphValueType:
                value.Type = Second % 4 == 0 ? null : new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = Second % 30 } };
                break;
            case Target.GraphValueExtents:
                Extents(value, number);
                break;
            case Target.GraphValueGone when graph.Output.Count > 0:
                graph.Output.RemoveAt(Second % graph.Output.Count);
                break;
            case Target.Format:
                model.IrVersion = number;
                break;
            case Target.OperatorSet:
                model.Declare(Second % 4 == 0 ? "com.microsoft" : "", Second % 30);
                break;
            case Target.Function:
                model.Functions.Add(new FunctionProto
                {
                    Domain = "own",
                    Name = node.OpType,
                    Input = { node.Input },
                    Output = { node.Output },
                    Node = { node.Clone() },
                    OpsetImport = { new OperatorSetIdProto { Version = 17 } },
                });
                node.Domain = Second % 2 == 0 ? "own" : node.Domain;
                break;
        }
    }

    private static void Change(AttributeProto attribute, long number)
    {
        if (attribute.Ints.Count > 0) attribute.Ints[(int)(((ulong)number) % (ulong)attribute.Ints.Count)] = number;
        else if (attribute.HasF) attribute.F = number % 3 == 0 ? float.NaN : number;
        else if (attribute.HasS) attribute.S = ByteString.CopyFromUtf8(new string('x', (int)(number & 63)));
        else attribute.I = number;
    }

    private void Extents(Google.Protobuf.Collections.RepeatedField<long> extents, long number)
    {
        if (extents.Count == 0 || Second % 4 == 0) extents.Add(number);
        else if (Second % 4 == 1) extents.RemoveAt(First % extents.Count);
        else extents[First % extents.Count] = number;
    }

    private void Extents(ValueInfoProto value, long number)
    {
        if (value.Type?.TensorType?.Shape is not { } shape) return;
        if (shape.Dim.Count == 0 || Second % 4 == 0) shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = number });
        else if (Second % 4 == 1) shape.Dim.RemoveAt(First % shape.Dim.Count);
        else shape.Dim[First % shape.Dim.Count] = Second % 8 == 2
            ? new TensorShapeProto.Types.Dimension { DimParam = "N" }
            : new TensorShapeProto.Types.Dimension { DimValue = number };
    }
}
