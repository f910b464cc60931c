using System.Runtime.CompilerServices;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Large weights in a file that the runtime maps into memory. A quantization opens its model hundreds of times, each time with a few other
/// weights; those that are as they were are neither copied nor parsed again, and lie in memory once.
/// </summary>
internal sealed class MappedWeights : IDisposable
{
    /// <summary>Names, to the runtime, the folder of the files that a model from memory names.</summary>
    public const string FolderEntry = "session.model_external_initializers_file_folder_path";

    /// <summary>Smaller ones are copied as quickly.</summary>
    private const int SmallestMapped = 64 << 10;

    private static readonly ConditionalWeakTable<ByteString, TensorProto> Known = [];

    private readonly string _path;
    private readonly List<ByteString> _mapped = [];

    /// <summary>Writes the weights of a model.</summary>
    /// <param name="model">The model; copies of it share the bytes of its weights, and so what is mapped.</param>
    /// <param name="path">The file, removed by <see cref="Dispose"/>. No session may open one of the models after that.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public MappedWeights(ModelProto model, string path)
    {
        _path = Path.GetFullPath(path);
        var apart = model.Clone();
        TensorProto[] weights = [.. TensorsOf(apart).Where(tensor => tensor.RawData.Length >= SmallestMapped)];
        ByteString[] bytes = [.. weights.Select(tensor => tensor.RawData)];
        using (var file = File.Create(_path)) ExternalData.MoveInto(file, _path, apart);
        foreach (var (weight, own) in weights.Zip(bytes))
        {
            // The same bytes under two names are mapped once.
            if (Known.TryAdd(own, weight)) _mapped.Add(own);
        }
    }

    /// <summary>
    /// The model with what is mapped in its file, and that file's folder; the model itself, and null, where nothing of it is.
    /// </summary>
    public static (ModelProto Model, string? Folder) Of(ModelProto model)
    {
        if (!TensorsOf(model).Any(IsMapped)) return (model, null);
        string? folder = null;
        var apart = model.Clone();
        foreach (var graph in Scopes.Of(apart.Graph))
        {
            for (var i = 0; i < graph.Initializer.Count; i++)
            {
                var tensor = graph.Initializer[i];
                if (!Known.TryGetValue(tensor.RawData, out var place)) continue;
                var path = place.ExternalData[0].Value;
                // One folder for all: a session has one.
                if (Path.GetDirectoryName(path) is var home && (folder ??= home) != home) continue;
                var mapped = new TensorProto
                {
                    Name = tensor.Name,
                    DataType = tensor.DataType,
                    DataLocation = TensorProto.Types.DataLocation.External,
                };
                mapped.Dims.AddRange(tensor.Dims);
                mapped.ExternalData.AddRange(place.ExternalData);
                mapped.ExternalData[0] = new StringStringEntryProto { Key = mapped.ExternalData[0].Key, Value = Path.GetFileName(path) };
                graph.Initializer[i] = mapped;
            }
        }
        return (apart, folder);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var bytes in _mapped) Known.Remove(bytes);
        File.Delete(_path);
    }

    private static bool IsMapped(TensorProto tensor) => tensor.RawData.Length >= SmallestMapped && Known.TryGetValue(tensor.RawData, out _);

    private static IEnumerable<TensorProto> TensorsOf(ModelProto model) => Scopes.Of(model.Graph).SelectMany(graph => graph.Initializer);
}
