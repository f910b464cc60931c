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

    /// <summary>Models, of the size of a copy, that must find room on the disk before its weights go there.</summary>
    private const int RoomForVariants = 4;

    private static readonly ConditionalWeakTable<ByteString, Place> Known = [];

    private static readonly ConcurrentDictionary<MappedPages, MappedWeights> Live = [];

    private readonly string _path;
    private readonly List<string> _files = [];
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
        Map(model);
    }

    private string Folder => Path.GetDirectoryName(_path)!;

    /// <summary>
    /// Moves the weights that a changed copy of a mapped model has of its own into another file beside the first: copies that are kept,
    /// each with some weights changed, took more memory than all else. Where the disk has no room for them, and for variants beside
    /// them, they stay in memory.
    /// </summary>
    /// <param name="model">The copy; nothing happens where none of its weights is mapped.</param>
    public static void Add(ModelProto model)
    {
        try
        {
            if (FirstOf(model) is not { } owner) return;
            if (new DriveInfo(owner.Folder).AvailableFreeSpace > RoomForVariants * (long)model.CalculateSize()) owner.Map(model);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // They are where they were.
        }
    }

    private void Map(ModelProto model)
    {
        // The same bytes under two names are mapped once.
        ByteString[] weights =
        [
            .. TensorsOf(model).Where(tensor => PlaceOf(tensor) is null).Select(tensor => tensor.RawData).Where(IsLarge)
                .ToHashSet(ReferenceEqualityComparer.Instance).Cast<ByteString>(),
        ];
        if (weights.Length == 0) return;
        var apart = new ModelProto { Graph = new GraphProto() };
        apart.Graph.Initializer.AddRange(weights.Select(bytes => new TensorProto { RawData = bytes }));
        MappedPages? pages;
        var path = _files.Count == 0 ? _path : $"{_path}.{_files.Count}";
        try
        {
            using (var file = File.Create(path)) ExternalData.MoveInto(file, Path.GetFileName(path), apart);
            pages = MappedPages.Of(path);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
        _files.Add(path);
        if (pages is not null) Live[pages] = this;
        var places = weights.Zip(apart.Graph.Initializer)
            .ToDictionary(pair => (object)pair.First, pair => new Place(this, pair.Second), ReferenceEqualityComparer.Instance);
        foreach (var tensor in TensorsOf(model))
        {
            if (!places.TryGetValue(tensor.RawData, out var place)) continue;
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
        foreach (var pages in Live.Keys) pages.LetGo();
        if (FirstOf(model)?.Folder is not { } folder) return (model, null);
        var apart = model.Clone();
        foreach (var tensor in TensorsOf(apart))
        {
            // A session has one folder.
            if (PlaceOf(tensor) is not { } place || place.Owner.Folder != folder) continue;
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
        foreach (var (pages, _) in Live.Where(live => live.Value == this)) Live.TryRemove(pages, out _);
        foreach (var file in _files) File.Delete(file);
    }

    private static bool IsLarge(ByteString bytes) => bytes.Length >= SmallestMapped;

    private static Place? PlaceOf(TensorProto tensor)
        => IsLarge(tensor.RawData) && Known.TryGetValue(tensor.RawData, out var place) ? place : null;

    /// <summary>Whose file the first mapped weight of a model lies in.</summary>
    private static MappedWeights? FirstOf(ModelProto model)
        => TensorsOf(model).Select(PlaceOf).FirstOrDefault(place => place is not null)?.Owner;

    private static IEnumerable<TensorProto> TensorsOf(ModelProto model) => Scopes.Of(model.Graph).SelectMany(graph => graph.Initializer);

    /// <summary>Where bytes are mapped.</summary>
    /// <param name="Owner">Who removes the file.</param>
    /// <param name="Tensor">Names the file, and where in it they begin.</param>
    private sealed record Place(MappedWeights Owner, TensorProto Tensor)
    {
        /// <summary>The bytes in the file; null until a model has them.</summary>
        public ByteString? Bytes { get; set; }
    }
}
