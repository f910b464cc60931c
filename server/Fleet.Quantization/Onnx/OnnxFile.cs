using System.Runtime.InteropServices;
using Fleet.Platform;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Quantization.Onnx;

/// <summary>Loads and saves ONNX files.</summary>
internal static class OnnxFile
{
    /// <summary>
    /// Largest file that the format's encoding (protobuf) can hold; a larger model keeps its weights in a file beside it.
    /// </summary>
    public const long MaximumBytes = int.MaxValue;

    /// <summary>Operators, names and shapes of a large model: more than any has.</summary>
    private const long RoomForTheRest = 256 << 20;

    /// <summary>
    /// Where the weights of the model at <paramref name="path"/> lie when they are written apart; the file need not be there.
    /// </summary>
    public static string DataPathOf(string path) => path + ".data";

    /// <summary>
    /// Reads a model, with the weights that lie in files beside it and its operators in an order in which they can be run.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is not an ONNX model, or its weights cannot be had.</exception>
    public static ModelProto Load(string path)
    {
        if (Directory.Exists(path)) throw new InvalidDataException($"{path} is a folder; name the ONNX file in it.");
        if (!File.Exists(path)) throw new InvalidDataException($"{path} does not exist.");
        if (!RegularFile.Is(path)) throw new InvalidDataException($"{path} {RegularFile.Refusal}");
        if (new FileInfo(path).Length > MaximumBytes)
            throw new InvalidDataException(
                $"{Path.GetFileName(path)} is larger than {MaximumBytes:N0} bytes, the most one ONNX file can hold; keep its weights in a "
                    + "file beside it (external data).");
        var model = Read(path);
        ExternalData.ReadInto(model, path);
        NodeOrder.Sort(model.Graph);
        return model;
    }

    /// <summary>Reads a model from memory; <paramref name="name"/> is for messages.</summary>
    public static ModelProto Parse(ReadOnlySpan<byte> bytes, string name)
    {
        ModelProto model;
        try
        {
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

    /// <summary>
    /// Writes a model so that a reader finds the old file or the new one, never half of it. What would be larger than one file may be has
    /// its weights in another (<see cref="DataPathOf"/>), which is there before the model that names it.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="path">Its file.</param>
    /// <param name="largest">Most bytes of one file.</param>
    public static void Save(ModelProto model, string path, long largest = MaximumBytes)
    {
        var data = DataPathOf(path);
        if (Fits(model, largest))
        {
            Write(path, model.WriteTo);
            // Of a larger model that was here before.
            File.Delete(data);
            return;
        }
        var apart = model.Clone();
        Write(data, file => ExternalData.MoveInto(file, Path.GetFileName(data), apart));
        Write(path, apart.WriteTo);
    }

    /// <summary>True when the model can be one file, or one array of bytes.</summary>
    public static bool Fits(ModelProto model, long largest = MaximumBytes)
        // The format's library counts in 32 bits: what may be larger is not given to it.
        => ExternalData.BytesOf(model) is var weights && weights <= MaximumBytes / 2
            ? model.CalculateSize() <= largest
            : weights <= largest - RoomForTheRest;

    /// <summary>Removes a model and the file of its weights.</summary>
    public static void Delete(string path)
    {
        File.Delete(path);
        File.Delete(DataPathOf(path));
    }

    /// <summary>The bytes of a model's file and of those that hold its weights.</summary>
    /// <exception cref="InvalidDataException">The file is not an ONNX model.</exception>
    public static long BytesOf(string path)
        => LengthOf(path) + ExternalData.FilesOf(path).Sum(LengthOf);

    /// <summary>
    /// Reads a model without the files beside it. Weights are copied out of its bytes, which lie where they go back to the system
    /// at once: as an array they waited, as large as the model, until garbage was next collected.
    /// </summary>
    internal static unsafe ModelProto Read(string path)
    {
        using var file = File.OpenHandle(path);
        var length = (int)Math.Min(RandomAccess.GetLength(file), MaximumBytes);
        var memory = NativeMemory.Alloc((nuint)length);
        try
        {
            var bytes = new Span<byte>(memory, length);
            var read = 0;
            while (read < length && RandomAccess.Read(file, bytes[read..], read) is > 0 and var more) read += more;
            return Parse(bytes[..read], Path.GetFileName(path));
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    /// <summary>Of what a link leads to, the length of the file.</summary>
    private static long LengthOf(string path) => (File.ResolveLinkTarget(path, returnFinalTarget: true) as FileInfo ?? new(path)).Length;

    private static void Write(string path, Action<FileStream> write)
    {
        var partial = path + ".partial";
        using (var file = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 17))
        {
            write(file);
            file.Flush(flushToDisk: true);
        }
        File.Move(partial, path, overwrite: true);
    }
}
