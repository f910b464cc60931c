using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// What is looked at before the runtime loads a model of unknown origin: what it would refuse in words of its own, compute at
/// load without bound, or not survive. Each problem is one sentence.
/// </summary>
internal static partial class ModelChecks
{
    /// <summary>Newest file format and operator set that ONNX Runtime 1.31 loads, and the oldest set that can be raised to 13.</summary>
    public const int NewestFormat = 13, NewestOpset = 26, OldestOpset = 7;

    /// <summary>Most values of one tensor: 4 GB of floats.</summary>
    public const long MaximumElements = 1L << 30;

    private static readonly string[] KnownDomains = [
        Opsets.Microsoft, "com.microsoft.nchwc", "com.ms.internal.nhwc", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training",
    ];

    /// <summary>The first problem of <paramref name="model"/>, or null.</summary>
    public static string? ProblemOf(ModelProto model) => Problems(model).FirstOrDefault();

    private static IEnumerable<string> Problems(ModelProto model)
    {
        if (model.IrVersion is < 1 or > NewestFormat)
            yield return $"is in format version {model.IrVersion} of ONNX, and ONNX Runtime reads 1 to {NewestFormat}; export it again for "
                + $"such a version.";
        // First: a model of custom operators alone names no standard set, which then counts as 1.
        if (ForeignOperators(model) is { } foreign)
            yield return $"uses custom operators ({foreign}), which ONNX Runtime does not have; export the model without them.";
        if (model.StandardVersion() is var opset and (< OldestOpset or > NewestOpset))
            yield return $"is written in operator set {opset}, and {OldestOpset} to {NewestOpset} are read; export it again with such a "
                + $"set (opset_version).";
        if (RecursiveFunction(model) is { } function) yield return $"is broken: its function {function} calls itself; export it again.";
        if (model.Graph.Node.Count == 0) yield return "computes nothing: it holds no operator; export or copy it again.";
        if (model.Graph.Output.Count == 0) yield return "is broken: it has no outputs; export it again with those you need.";
        foreach (var value in model.Graph.Input.Concat(model.Graph.Output))
        {
            if (ProblemOf(value) is { } problem) yield return $"is broken: {problem.TrimEnd('.')}; export it again.";
        }
        foreach (var tensor in ExternalData.TensorsOf(model))
        {
            if (ProblemOf(tensor) is { } problem) yield return $"is broken: {problem.TrimEnd('.')}; export it again.";
        }
        if (OnnxGraph.ProblemsOf(model.Graph) is [var structure, ..]) yield return $"is broken: {structure.TrimEnd('.')}; export it again.";
        var constants = new OnnxGraph(model);
        foreach (var node in Scopes.NodesOf(model.Graph))
        {
            if (Explosion(node, constants) is { } size)
                yield return $"would explode in memory: {node.Title()} makes {size} values, and {MaximumElements} are allowed; export it "
                    + $"with smaller fixed sizes.";
        }
    }

    private static string? ProblemOf(ValueInfoProto value)
    {
        if (value.Name.Length == 0) return "an input or output has no name.";
        if (value.Type?.TensorType?.Shape is not { } shape) return null;
        if (shape.Dim.FirstOrDefault(extent => extent.DimValue < 0) is { } negative)
            return $"'{value.Name}' is declared with extent {negative.DimValue}, and extents are positive.";
        return Product(shape.Dim.Where(extent => extent.HasDimValue).Select(extent => Math.Max(1, extent.DimValue))) is > MaximumElements
            ? $"'{value.Name}' is declared with more than {MaximumElements} values." : null;
    }

    private static string? ProblemOf(TensorProto tensor)
    {
        var name = tensor.Name.Length > 0 ? $"tensor '{tensor.Name}'" : "a tensor without name";
        if (tensor.Dims.Any(extent => extent < 0))
            return $"{name} has extent {tensor.Dims.First(extent => extent < 0)}, and extents are not negative.";
        if (Product(tensor.Dims) is not (<= MaximumElements and var elements))
            return $"{name} of shape ({string.Join(", ", tensor.Dims)}) has more than {MaximumElements} values.";
        if (tensor.DataType == (int)DataType.String) return null;
        if (BitsOf(tensor.DataType) is not { } bits) return $"{name} has element type {tensor.DataType}, which ONNX does not define.";
        var needed = (elements * bits + 7) / 8;
        if (tensor.RawData.Length > 0)
            return tensor.RawData.Length == needed
                ? null
                : $"{name} of shape ({string.Join(", ", tensor.Dims)}) needs {needed} bytes and holds {tensor.RawData.Length}.";
        var listed = tensor.FloatData.Count + tensor.Int32Data.Count + tensor.Int64Data.Count + tensor.DoubleData.Count
            + (long)tensor.Uint64Data.Count;
        var (counted, parts) = bits < 8
            ? ((elements * bits + 7) / 8, "bytes")
            : (elements * (IsComplex(tensor.DataType) ? 2 : 1), "values");
        return listed == counted ? null : $"{name} of shape ({string.Join(", ", tensor.Dims)}) needs {counted} {parts} and holds {listed}.";
    }
}
