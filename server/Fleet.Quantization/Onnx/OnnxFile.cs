using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Quantization.Onnx;

/// <summary>Loads and saves ONNX files.</summary>
internal static class OnnxFile
{
    /// <summary>Largest file the format's encoding can hold; larger models keep their weights in files beside it.</summary>
    public const long MaximumBytes = int.MaxValue;

    /// <summary>
    /// Reads a model, with the weights that lie in files beside it and its operators in an order in which they can be run.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is not an ONNX model, or its weights cannot be had.</exception>
    public static ModelProto Load(string path)
    {
        if (!File.Exists(path)) throw new InvalidDataException($"{path} does not exist.");
        if (new FileInfo(path).Length > MaximumBytes)
            throw new InvalidDataException(
                $"{Path.GetFileName(path)} is larger than {MaximumBytes:N0} bytes, the most one ONNX file can hold; keep its weights in a "
                    + "file beside it (external data).");
        var model = Parse(File.ReadAllBytes(path), Path.GetFileName(path));
        ExternalData.ReadInto(model, path);
        NodeOrder.Sort(model.Graph);
        return model;
    }

    /// <summary>Reads a model from memory; <paramref name="name"/> is for messages.</summary>
    public static ModelProto Parse(byte[] bytes, string name)
    {
        ModelProto model;
        try
        {
            // Weights are shared with the file's bytes, not copied.
            model = ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"{name} is not an ONNX model, or only a part of one; export or copy it again.", e);
        }
        return model.Graph is not null
            ? model
            : throw new InvalidDataException($"{name} is not an ONNX model: it holds no graph of operators; export or copy it again.");
    }

    /// <summary>Writes a model so that a reader finds the old file or the new one, never half of it.</summary>
    public static void Save(ModelProto model, string path)
    {
        var size = model.CalculateSize();
        var partial = path + ".partial";
        using (var file = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, Math.Clamp(size, 1, 1 << 20)))
        {
            model.WriteTo(file);
            file.Flush(flushToDisk: true);
        }
        File.Move(partial, path, overwrite: true);
    }
}
