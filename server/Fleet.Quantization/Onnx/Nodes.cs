using System.Text;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;

namespace Fleet.Quantization.Onnx;

/// <summary>Makes nodes and reads and writes their attributes.</summary>
internal static class Nodes
{
    /// <summary>A node of the standard operator set.</summary>
    public static NodeProto Node(
        string operation, IEnumerable<string> inputs, IEnumerable<string> outputs, string name = "", string domain = "")
    {
        var node = new NodeProto { OpType = operation, Name = name, Domain = domain };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        return node;
    }

    /// <summary>True for an operator of the standard set, which may spell its domain in two ways.</summary>
    public static bool IsStandard(this NodeProto node) => node.Domain is "" or Opsets.StandardName;

    /// <summary>True when this is operator <paramref name="operation"/> of the standard set.</summary>
    public static bool Is(this NodeProto node, string operation) => node.OpType == operation && node.IsStandard();

    /// <summary>The input at <paramref name="index"/>, or null when it is left out.</summary>
    public static string? InputAt(this NodeProto node, int index)
        => index < node.Input.Count && node.Input[index].Length > 0 ? node.Input[index] : null;

    /// <summary>The output at <paramref name="index"/>, or null when it is left out.</summary>
    public static string? OutputAt(this NodeProto node, int index)
        => index < node.Output.Count && node.Output[index].Length > 0 ? node.Output[index] : null;

    /// <summary>What the node is called in messages: its name, or its operator and first output.</summary>
    public static string Title(this NodeProto node)
        => node.Name.Length > 0 ? node.Name : $"{node.OpType} of {node.Output.FirstOrDefault()}";

    /// <summary>A short name of a kind that is not <paramref name="taken"/>, which then is.</summary>
    public static string NewName(string kind, HashSet<string> taken)
    {
        var number = 0;
        while (!taken.Add($"{kind}{number}")) number++;
        return $"{kind}{number}";
    }

    /// <summary>The graphs this node carries: branches of <c>If</c>, bodies of <c>Loop</c> and <c>Scan</c>.</summary>
    public static IEnumerable<GraphProto> Subgraphs(this NodeProto node)
    {
        foreach (var attribute in node.Attribute)
        {
            if (attribute.G is { } graph) yield return graph;
            foreach (var one in attribute.Graphs) yield return one;
        }
    }

    /// <summary>The attribute of that name, or null.</summary>
    public static AttributeProto? Find(this NodeProto node, string name)
        => node.Attribute.FirstOrDefault(attribute => attribute.Name == name);

    /// <summary>The integer attribute, or <paramref name="absent"/>.</summary>
    public static long Int(this NodeProto node, string name, long absent) => node.Find(name)?.I ?? absent;

    /// <summary>The float attribute, or <paramref name="absent"/>.</summary>
    public static float Float(this NodeProto node, string name, float absent) => node.Find(name)?.F ?? absent;

    /// <summary>The text attribute, or <paramref name="absent"/>.</summary>
    public static string Text(this NodeProto node, string name, string absent) => node.Find(name)?.S.ToStringUtf8() ?? absent;

    /// <summary>The list of integers, or null.</summary>
    public static IReadOnlyList<long>? Ints(this NodeProto node, string name) => node.Find(name)?.Ints;

    /// <summary>Sets an integer attribute and returns the node.</summary>
    public static NodeProto With(this NodeProto node, string name, long value)
        => node.With(new AttributeProto { Name = name, Type = AttributeType.Int, I = value });

    /// <summary>Sets a float attribute and returns the node.</summary>
    public static NodeProto With(this NodeProto node, string name, float value)
        => node.With(new AttributeProto { Name = name, Type = AttributeType.Float, F = value });

    /// <summary>Sets a text attribute and returns the node.</summary>
    public static NodeProto With(this NodeProto node, string name, string value)
        => node.With(new AttributeProto { Name = name, Type = AttributeType.String, S = ByteString.CopyFrom(value, Encoding.UTF8) });

    /// <summary>Sets a list of integers and returns the node.</summary>
    public static NodeProto With(this NodeProto node, string name, IEnumerable<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Ints };
        attribute.Ints.AddRange(values);
        return node.With(attribute);
    }

    /// <summary>Takes an attribute away and returns the node.</summary>
    public static NodeProto Without(this NodeProto node, string name)
    {
        if (node.Find(name) is { } attribute) node.Attribute.Remove(attribute);
        return node;
    }

    private static NodeProto With(this NodeProto node, AttributeProto attribute)
    {
        node.Without(attribute.Name).Attribute.Add(attribute);
        return node;
    }
}
