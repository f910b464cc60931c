using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Large constants that another one holds already, as they are or turned on their side, are stored once: a Transpose makes the other. It
/// has only a constant before it, so the runtime computes it once when it loads the file.
/// </summary>
internal static class StoredOnce
{
    /// <summary>Constants of fewer bytes are not worth an operator.</summary>
    private const int SmallestBytes = 1024;

    /// <summary>The model with each of them once; itself where there is nothing to save.</summary>
    public static ModelProto Of(ModelProto model)
    {
        var returned = new HashSet<string>(Scopes.Of(model.Graph).SelectMany(graph => graph.Output.Concat(graph.Input))
            .Select(value => value.Name));
        TensorProto[] large = [
            .. model.Graph.Initializer.Where(tensor => tensor.RawData.Length >= SmallestBytes && !returned.Contains(tensor.Name)),
        ];
        var (renamed, turned) = (new Dictionary<string, string>(), new List<(string From, string To)>());
        var kept = new List<TensorProto>();
        foreach (var alike in large.GroupBy(tensor => (tensor.DataType, tensor.RawData.Length)))
        {
            var first = kept.Count;
            foreach (var tensor in alike)
            {
                var before = kept.Skip(first).ToArray();
                if (before.FirstOrDefault(one => MayBeShared(tensor) && IsSame(one, tensor)) is { } same)
                    renamed[tensor.Name] = same.Name;
                else if (before.FirstOrDefault(one => IsTurned(one, tensor)) is { } other) turned.Add((other.Name, tensor.Name));
                else kept.Add(tensor);
            }
        }
        return renamed.Count + turned.Count == 0 ? model : Rewritten(model, renamed, turned);
    }

    /// <summary>True when <paramref name="other"/> holds the values of <paramref name="one"/> with rows and columns exchanged.</summary>
    public static bool IsTurned(TensorProto one, TensorProto other)
    {
        if (one.DataType != other.DataType || one.RawData.Length != other.RawData.Length || one.Dims is not [var rows, var columns]
            || other.Dims is not [var otherRows, var otherColumns] || rows != otherColumns || columns != otherRows
            || WidthOf(one) is not { } width)
            return false;
        var values = one.RawData.Span;
        var turned = other.RawData.Span;
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var (at, there) = ((int)(row * columns + column) * width, (int)(column * rows + row) * width);
                if (!values.Slice(at, width).SequenceEqual(turned.Slice(there, width))) return false;
            }
        }
        return true;
    }

    /// <summary>A matrix of bytes with rows and columns exchanged.</summary>
    public static TensorProto Turned(TensorProto matrix)
    {
        var (rows, columns) = ((int)matrix.Dims[0], (int)matrix.Dims[1]);
        var values = matrix.RawData.Span;
        var turned = new byte[values.Length];
        for (var i = 0; i < turned.Length; i++) turned[i % columns * rows + i / columns] = values[i];
        return Tensors.Create(matrix.Name, (DataType)matrix.DataType, turned, [columns, rows]);
    }

    private static ModelProto Rewritten(
        ModelProto model, Dictionary<string, string> renamed, IEnumerable<(string From, string To)> turned)
    {
        var written = model.Clone();
        foreach (var (from, to) in turned)
        {
            Remove(written.Graph, to);
            written.Graph.Node.Insert(0, Nodes.Node("Transpose", [from], [to]).With("perm", [1L, 0L]));
        }
        foreach (var name in renamed.Keys) Remove(written.Graph, name);
        foreach (var node in Scopes.NodesOf(written.Graph))
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = renamed.GetValueOrDefault(node.Input[i], node.Input[i]);
        }
        return SharedWeights.Unsigned(written);
    }

    private static void Remove(GraphProto graph, string constant)
        => graph.Initializer.Remove(graph.Initializer.Single(tensor => tensor.Name == constant));

    /// <summary>
    /// False for zero points of many channels: the runtime's pass behind <c>session.x64quantprecision</c> wants one for each weight.
    /// </summary>
    private static bool MayBeShared(TensorProto tensor) => tensor.Dims.Count > 1 || tensor.Is(DataType.Float);

    private static bool IsSame(TensorProto one, TensorProto other)
        => one.Dims.SequenceEqual(other.Dims) && one.RawData.Equals(other.RawData);

    private static int? WidthOf(TensorProto tensor)
        => tensor.Elements() is > 0 and var count && tensor.RawData.Length % count == 0 ? (int)(tensor.RawData.Length / count) : null;
}
