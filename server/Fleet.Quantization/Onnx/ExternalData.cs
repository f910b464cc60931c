using System.Globalization;
using Fleet.Platform;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;

namespace Fleet.Quantization.Onnx;

/// <summary>Weights that lie in files beside the model (https://onnx.ai/onnx/repo-docs/ExternalData.html).</summary>
internal static partial class ExternalData
{
    /// <summary>Most bytes of weights of one model: a small file may name any number of parts of a large one.</summary>
    public const long MaximumBytes = 64L << 30;

    /// <summary>The key that names a tensor's file, as it stands in the model's bytes.</summary>
    private static ReadOnlySpan<byte> Location => "location"u8;

    /// <summary>Reads every such tensor of <paramref name="model"/> into it; what several share is read once.</summary>
    /// <exception cref="InvalidDataException">A file is missing, too short, or named outside the model's folder.</exception>
    public static void ReadInto(ModelProto model, string modelPath)
    {
        var folder = FolderOf(modelPath);
        var budget = MaximumBytes;
        var read = new Dictionary<Part, ByteString>();
        foreach (var tensor in TensorsOf(model).Where(IsApart))
        {
            var part = PartOf(tensor, folder);
            if (!read.TryGetValue(part, out var bytes))
            {
                if ((budget -= part.Length) < 0)
                    throw new InvalidDataException(
                        $"The model's weights are larger than {MaximumBytes:N0} bytes; make it smaller before it is quantized.");
                read[part] = bytes = Read(tensor, part);
            }
            tensor.RawData = bytes;
            tensor.DataLocation = DataLocation.Default;
            tensor.ExternalData.Clear();
        }
    }

    /// <summary>The files, whole paths, that hold weights of the model at <paramref name="modelPath"/>.</summary>
    /// <exception cref="InvalidDataException">One is missing, or named outside the model's folder.</exception>
    public static IReadOnlyList<string> FilesOf(string modelPath) => !MayNameFiles(modelPath) ? []
        : [.. TensorsOf(OnnxFile.Read(modelPath)).Where(IsApart).Select(tensor => PartOf(tensor, FolderOf(modelPath)).Path).Distinct()];

    /// <summary>Bytes of the weights that lie in a model itself.</summary>
    public static long BytesOf(ModelProto model) => TensorsOf(model).Sum(tensor => (long)tensor.RawData.Length);

    /// <summary>
    /// False for a model whose bytes name no file: to look for the key of a place costs no memory, and to read all of its weights does.
    /// </summary>
    private static bool MayNameFiles(string modelPath)
    {
        using var file = File.OpenRead(modelPath);
        var (window, kept) = (new byte[1 << 16], 0);
        while (file.Read(window, kept, window.Length - kept) is > 0 and var read)
        {
            var seen = window.AsSpan(0, kept + read);
            if (seen.IndexOf(Location) >= 0) return true;
            // What begins at the end of one window ends in the next.
            kept = Math.Min(seen.Length, Location.Length - 1);
            seen[^kept..].CopyTo(window);
        }
        return false;
    }

    private static bool IsApart(TensorProto tensor) => tensor.DataLocation == DataLocation.External;

    private static string FolderOf(string modelPath) => Path.GetFullPath(Path.GetDirectoryName(Path.GetFullPath(modelPath))!);

    private static Part PartOf(TensorProto tensor, string folder)
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

        if (!RegularFile.Is(path))
            throw new InvalidDataException($"Tensor '{tensor.Name}' lies in '{location}', which {RegularFile.Refusal}");

        var bytes = new FileInfo(path).Length;
        var offset = Number("offset", 0);
        var length = Number("length", Math.Max(0, bytes - offset));
        if (offset > bytes || length > bytes - offset)
            throw new InvalidDataException(
                $"Tensor '{tensor.Name}' needs {length} bytes at {offset} of '{location}', which has {bytes}; copy that file again.");
        return new Part(path, offset, length);
    }

    private static ByteString Read(TensorProto tensor, Part part)
    {
        if (part.Length > Array.MaxLength)
            throw new InvalidDataException(
                $"Tensor '{tensor.Name}' has {part.Length:N0} bytes, and one tensor may have {Array.MaxLength:N0}; export the model with "
                    + "it in parts.");
        using var file = File.OpenRead(part.Path);
        var bytes = new byte[part.Length];
        file.Position = part.Offset;
        file.ReadExactly(bytes);
        return UnsafeByteOperations.UnsafeWrap(bytes);
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

    /// <summary>A part of a file.</summary>
    private readonly record struct Part(string Path, long Offset, long Length);
}
