using System.Runtime.InteropServices;
using System.Text;

namespace Fleet.Agent.Tests.Inference;

/// <summary>Writes small ONNX files without any library: the protobuf messages of onnx.proto3 that these tests need.</summary>
internal sealed class OnnxFile
{
    private readonly List<byte> _graph = [];
    private readonly List<(string Key, string Value)> _metadata = [];

    /// <summary>Adds an entry of the file's metadata.</summary>
    public OnnxFile Metadata(string key, string value)
    {
        _metadata.Add((key, value));
        return this;
    }

    /// <summary>Adds an input; -1 is a free extent.</summary>
    public OnnxFile Input(string name, OnnxType type, params long[] shape) => Value(11, name, type, shape);

    /// <summary>Adds an output.</summary>
    public OnnxFile Output(string name, OnnxType type, params long[] shape) => Value(12, name, type, shape);

    /// <summary>Adds a node with float or integer attributes.</summary>
    public OnnxFile Node(string operation, string[] inputs, string[] outputs, params (string Name, long Value)[] attributes)
    {
        var node = new List<byte>();
        foreach (var input in inputs) Text(node, 1, input);
        foreach (var output in outputs) Text(node, 2, output);
        Text(node, 4, operation);
        foreach (var (name, value) in attributes)
        {
            var attribute = new List<byte>();
            Text(attribute, 1, name);
            Number(attribute, 3, value);
            Number(attribute, 20, 2); // INT
            Message(node, 5, attribute);
        }
        Message(_graph, 1, node);
        return this;
    }

    /// <summary>Adds a constant.</summary>
    public OnnxFile Constant<T>(string name, OnnxType type, ReadOnlySpan<T> values, params long[] shape)
        where T : unmanaged
    {
        var tensor = new List<byte>();
        foreach (var extent in shape) Number(tensor, 1, extent);
        Number(tensor, 2, (int)type);
        Text(tensor, 8, name);
        Bytes(tensor, 9, MemoryMarshal.AsBytes(values));
        Message(_graph, 5, tensor);
        return this;
    }

    /// <summary>Adds a constant whose values are said to lie in another file.</summary>
    public OnnxFile External(string name, OnnxType type, string location, params long[] shape)
    {
        var (entry, tensor) = (new List<byte>(), new List<byte>());
        foreach (var extent in shape) Number(tensor, 1, extent);
        Number(tensor, 2, (int)type);
        Text(tensor, 8, name);
        Text(entry, 1, "location");
        Text(entry, 2, location);
        Message(tensor, 13, entry);
        Number(tensor, 14, 1); // EXTERNAL
        Message(_graph, 5, tensor);
        return this;
    }

    /// <summary>Adds a node that runs a graph again and again.</summary>
    public OnnxFile Loop(string[] inputs, string[] outputs, OnnxFile body)
    {
        var (node, attribute) = (new List<byte>(), new List<byte>());
        foreach (var input in inputs) Text(node, 1, input);
        foreach (var output in outputs) Text(node, 2, output);
        Text(node, 4, "Loop");
        Text(attribute, 1, "body");
        Text(body._graph, 2, "body");
        Message(attribute, 6, body._graph);
        Number(attribute, 20, 5); // GRAPH
        Message(node, 5, attribute);
        Message(_graph, 1, node);
        return this;
    }

    /// <summary>Adds a node of an operator that is nobody's.</summary>
    public OnnxFile Foreign(string domain, string operation, string input, string output)
    {
        var node = new List<byte>();
        Text(node, 1, input);
        Text(node, 2, output);
        Text(node, 4, operation);
        Text(node, 7, domain);
        Message(_graph, 1, node);
        return this;
    }

    /// <summary>A graph inside an attribute inside a node, so many times over.</summary>
    public OnnxFile Nested(int depth)
    {
        List<byte> graph = [];
        for (var i = 0; i < depth; i++)
        {
            var (attribute, node, outer) = (new List<byte>(), new List<byte>(), new List<byte>());
            Message(attribute, 6, graph);
            Message(node, 5, attribute);
            Message(outer, 1, node);
            graph = outer;
        }
        _graph.AddRange(graph);
        return this;
    }

    /// <summary>Writes the file and returns its path.</summary>
    public string Save(string path)
    {
        File.WriteAllBytes(path, ToArray());
        return path;
    }

    /// <summary>The file's bytes.</summary>
    public byte[] ToArray()
    {
        Text(_graph, 2, "test");
        var opset = new List<byte>();
        Text(opset, 1, "");
        Number(opset, 2, 17);
        var model = new List<byte>();
        Number(model, 1, 8);
        Message(model, 7, _graph);
        Message(model, 8, opset);
        foreach (var (key, value) in _metadata)
        {
            var entry = new List<byte>();
            Text(entry, 1, key);
            Text(entry, 2, value);
            Message(model, 14, entry);
        }
        return [.. model];
    }

    private OnnxFile Value(int field, string name, OnnxType type, long[] shape)
    {
        var dimensions = new List<byte>();
        foreach (var extent in shape)
        {
            var dimension = new List<byte>();
            if (extent >= 0) Number(dimension, 1, extent);
            else Text(dimension, 2, "N");
            Message(dimensions, 1, dimension);
        }
        var tensor = new List<byte>();
        Number(tensor, 1, (int)type);
        Message(tensor, 2, dimensions);
        var valueType = new List<byte>();
        Message(valueType, 1, tensor);
        var value = new List<byte>();
        Text(value, 1, name);
        Message(value, 2, valueType);
        Message(_graph, field, value);
        return this;
    }

    private static void Number(List<byte> stream, int field, long value)
    {
        Varint(stream, (ulong)field << 3);
        Varint(stream, (ulong)value);
    }

    private static void Text(List<byte> stream, int field, string text) => Bytes(stream, field, Encoding.UTF8.GetBytes(text));

    private static void Message(List<byte> stream, int field, List<byte> message) => Bytes(stream, field, message.ToArray());

    private static void Bytes(List<byte> stream, int field, ReadOnlySpan<byte> bytes)
    {
        Varint(stream, ((ulong)field << 3) | 2);
        Varint(stream, (ulong)bytes.Length);
        stream.AddRange(bytes);
    }

    private static void Varint(List<byte> stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7) stream.Add((byte)(value | 0x80));
        stream.Add((byte)value);
    }
}

/// <summary>Element types as ONNX numbers them.</summary>
internal enum OnnxType
{
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    UInt32 = 12,
    UInt64 = 13,
}
