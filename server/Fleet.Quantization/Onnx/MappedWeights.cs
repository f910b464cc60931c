using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Large weights in a file that is mapped into memory, by the runtime and here. A quantization opens its model hundreds of times, each time
/// with a few other weights; those that are as they were are neither copied nor parsed again. The model reads its own from the file too, so
/// that they take memory only from when they are read until the next model is opened.
/// </summary>
internal sealed class MappedWeights : IDisposable
{
    /// <summary>Names, to the runtime, the folder of the files that a model from memory names.</summary>
    public const string FolderEntry = "session.model_external_initializers_file_folder_path";

    /// <summary>Smaller ones are copied as quickly.</summary>
    private const int SmallestMapped = 64 << 10;

    private static readonly ConditionalWeakTable<ByteString, Place> Known = [];

    private static readonly ConcurrentDictionary<MappedWeights, MappedPages> Live = [];

    private readonly string _path;
    private readonly List<ByteString> _mapped = [];

    /// <summary>Writes the weights of a model.</summary>
    /// <param name="model">
    /// The model, whose weights are those of the file from here on; copies of it share their bytes, and so what is mapped.
    /// </param>
    /// <param name="path">The file, removed by <see cref="Dispose"/>. No session may open one of the models after that.</param>
    /// <exception cref="IOException">It cannot be written; nothing is left of it.</exception>
    public MappedWeights(ModelProto model, string path)
    {
        _path = Path.GetFullPath(path);
        // The same bytes under two names are mapped once.
        ByteString[] weights =
        [
            .. TensorsOf(model).Select(tensor => tensor.RawData).Where(IsLarge)
                .ToHashSet(ReferenceEqualityComparer.Instance).Cast<ByteString>(),
        ];
        if (weights.Length == 0) return;
        var apart = new ModelProto { Graph = new GraphProto() };
        apart.Graph.Initializer.AddRange(weights.Select(bytes => new TensorProto { RawData = bytes }));
        MappedPages? pages;
        try
        {
            using (var file = File.Create(_path)) ExternalData.MoveInto(file, Path.GetFileName(_path), apart);
            pages = MappedPages.Of(_path);
        }
        catch
        {
            File.Delete(_path);
            throw;
        }
        var folder = Path.GetDirectoryName(_path)!;
        if (pages is not null) Live[this] = pages;
        var places = weights.Zip(apart.Graph.Initializer)
            .ToDictionary(pair => (object)pair.First, pair => new Place(folder, pair.Second), ReferenceEqualityComparer.Instance);
        foreach (var tensor in TensorsOf(model).Where(tensor => IsLarge(tensor.RawData)))
        {
            var place = places[tensor.RawData];
            if (pages is not null) tensor.RawData = place.Bytes ??= pages.BytesOf(place.Tensor);
            if (Known.TryAdd(tensor.RawData, place)) _mapped.Add(tensor.RawData);
        }
    }

    /// <summary>
    /// The model with what is mapped in its file, and that file's folder; the model itself, and null, where nothing of it is. It is to be
    /// opened: what was read for it takes no memory from here on.
    /// </summary>
    public static (ModelProto Model, string? Folder) Of(ModelProto model)
    {
        foreach (var pages in Live.Values) pages.LetGo();
        if (TensorsOf(model).Select(PlaceOf).FirstOrDefault(place => place is not null)?.Folder is not { } folder) return (model, null);
        var apart = model.Clone();
        foreach (var tensor in TensorsOf(apart))
        {
            // A session has one folder.
            if (PlaceOf(tensor) is not { } place || place.Folder != folder) continue;
            tensor.ClearRawData();
            tensor.DataLocation = place.Tensor.DataLocation;
            tensor.ExternalData.AddRange(place.Tensor.ExternalData);
        }
        return (apart, folder);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var bytes in _mapped) Known.Remove(bytes);
        Live.TryRemove(this, out _);
        File.Delete(_path);
    }

    private static bool IsLarge(ByteString bytes) => bytes.Length >= SmallestMapped;

    private static Place? PlaceOf(TensorProto tensor)
        => IsLarge(tensor.RawData) && Known.TryGetValue(tensor.RawData, out var place) ? place : null;

    private static IEnumerable<TensorProto> TensorsOf(ModelProto model) => Scopes.Of(model.Graph).SelectMany(graph => graph.Initializer);

    /// <summary>Where bytes are mapped.</summary>
    /// <param name="Folder">The folder of the file.</param>
    /// <param name="Tensor">Names the file, and where in it they begin.</param>
    private sealed record Place(string Folder, TensorProto Tensor)
    {
        /// <summary>The bytes in the file; null until a model has them.</summary>
        public ByteString? Bytes { get; set; }
    }
}
