using System.Globalization;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;

namespace Fleet.Quantization.Onnx;

/// <summary>Weights that lie in files beside the model (https://onnx.ai/onnx/repo-docs/ExternalData.html).</summary>
internal static class ExternalData
{
    /// <summary>Reads every such tensor of <paramref name="model"/> into it.</summary>
    /// <exception cref="InvalidDataException">A file is missing, too short, or named outside the model's folder.</exception>
    public static void ReadInto(ModelProto model, string modelPath)
    {
        var folder = Path.GetFullPath(Path.GetDirectoryName(Path.GetFullPath(modelPath))!);
        var budget = OnnxFile.MaximumBytes;
        foreach (var tensor in TensorsOf(model).Where(tensor => tensor.DataLocation == DataLocation.External))
        {
            var bytes = Read(tensor, folder, budget);
            budget -= bytes.Length;
            tensor.RawData = UnsafeByteOperations.UnsafeWrap(bytes);
            tensor.DataLocation = DataLocation.Default;
            tensor.ExternalData.Clear();
        }
    }

    private static byte[] Read(TensorProto tensor, string folder, long budget)
    {
        string? Value(string key) => tensor.ExternalData.FirstOrDefault(entry => entry.Key == key)?.Value;
        long Number(string key, long absent) => Value(key) is not { } text ? absent
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new InvalidDataException(
                $"Tensor '{tensor.Name}' has {key} '{text}' for its file, which is not a number; export the model again.");

        var location = Value("location")
            ?? throw new InvalidDataException($"Tensor '{tensor.Name}' lies in another file but does not name it; export the model again.");
        if (location.Length == 0 || location.Contains('\0'))
            throw new InvalidDataException($"Tensor '{tensor.Name}' lies in another file but does not name it; export the model again.");
        var path = Path.GetFullPath(Path.Combine(folder, location));
        // A model comes from elsewhere: it must not make us read any file of this machine.
        if (Path.IsPathRooted(location) || !path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new InvalidDataException(
                $"Tensor '{tensor.Name}' names '{location}', which is outside the model's folder; put the file beside the model and export "
                    + $"it with that name.");
        if (!File.Exists(path))
            throw new InvalidDataException(
                $"Tensor '{tensor.Name}' lies in '{location}', which is missing beside the model; copy it there.");
        if (IsBehindLink(path, folder))
            throw new InvalidDataException(
                $"Tensor '{tensor.Name}' names '{location}', which is a link; put the file itself beside the model.");

        using var file = File.OpenRead(path);
        var offset = Number("offset", 0);
        var length = Number("length", Math.Max(0, file.Length - offset));
        if (offset > file.Length || length > file.Length - offset)
            throw new InvalidDataException(
                $"Tensor '{tensor.Name}' needs {length} bytes at {offset} of '{location}', which has {file.Length}; copy that file again.");
        if (length > budget)
            throw new InvalidDataException(
                $"The model's weights are larger than {OnnxFile.MaximumBytes:N0} bytes, the most one ONNX file can hold; make it smaller "
                    + $"before it is quantized.");
        var bytes = new byte[length];
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>True when the file, or a folder on the way to it from the model's, is a link: it may lead anywhere.</summary>
    private static bool IsBehindLink(string path, string folder)
    {
        for (var at = path; at.Length > folder.Length; at = Path.GetDirectoryName(at)!)
        {
            if (new FileInfo(at).LinkTarget is not null) return true;
        }
        return false;
    }

    /// <summary>
    /// Every tensor of a model: constants, sparse ones too, and those that attributes hold, in all its graphs and functions.
    /// </summary>
    public static IEnumerable<TensorProto> TensorsOf(ModelProto model)
        => TensorsOf(model.Graph).Concat(model.Functions.SelectMany(function => function.Node).SelectMany(TensorsOf));

    private static IEnumerable<TensorProto> TensorsOf(GraphProto graph)
        => graph.Initializer.Concat(graph.SparseInitializer.SelectMany(TensorsOf)).Concat(graph.Node.SelectMany(TensorsOf));

    private static IEnumerable<TensorProto> TensorsOf(NodeProto node)
    {
        foreach (var attribute in node.Attribute)
        {
            if (attribute.T is { } tensor) yield return tensor;
            foreach (var one in attribute.Tensors.Concat(attribute.SparseTensors.SelectMany(TensorsOf))) yield return one;
            if (attribute.SparseTensor is { } sparse)
            {
                foreach (var part in TensorsOf(sparse)) yield return part;
            }
        }
        foreach (var tensor in node.Subgraphs().SelectMany(TensorsOf)) yield return tensor;
    }

    private static IEnumerable<TensorProto> TensorsOf(SparseTensorProto sparse)
        => new[] { sparse.Values, sparse.Indices }.OfType<TensorProto>();
}
