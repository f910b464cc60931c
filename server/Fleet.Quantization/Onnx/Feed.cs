using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Onnx;

/// <summary>The inputs of one run by name.</summary>
/// <param name="values">What is fed.</param>
/// <param name="carried">Outputs whose values the next feed of the same pass starts from, each with what takes it; none for a model without
/// state.</param>
internal sealed class Feed(IReadOnlyDictionary<string, OrtValue> values, IReadOnlyDictionary<string, Action<OrtValue>>? carried = null)
    : IDisposable
{
    private readonly IReadOnlyDictionary<string, Action<OrtValue>> _carried = carried ?? new Dictionary<string, Action<OrtValue>>();

    /// <summary>Input names.</summary>
    public IReadOnlyCollection<string> Names { get; } = [.. values.Keys];

    /// <summary>True when the next feed of the pass starts from outputs of this one.</summary>
    public bool CarriesState => _carried.Count > 0;

    /// <summary>True when this is run for the state that it leaves alone: what it says is not wanted.</summary>
    public bool IsForState { get; private set; }

    /// <summary>The values, in the order of <see cref="Names"/>.</summary>
    public IReadOnlyCollection<OrtValue> Values { get; } = [.. values.Values];

    /// <summary>The same feed, run for its state alone.</summary>
    public Feed ForState()
    {
        IsForState = true;
        return this;
    }

    /// <summary>
    /// Runs the model and lets its state flow on to the next feed: every sample of a pass must then be run, in order, by one
    /// model. The results are those of <paramref name="asked"/>, in that order, perhaps followed by others.
    /// </summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(InferenceSession session, RunOptions options, IReadOnlyCollection<string> asked)
    {
        string[] all = [.. asked, .. _carried.Keys.Except(asked)];
        if (all.Length == 0) return new NoResults();
        var results = session.Run(options, Names, Values, all);
        foreach (var (place, name) in all.Index())
        {
            if (_carried.TryGetValue(name, out var take)) take(results[place]);
        }
        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in Values) value.Dispose();
    }

    /// <summary>Of a run in which nothing was asked.</summary>
    private sealed class NoResults : List<OrtValue>, IDisposableReadOnlyCollection<OrtValue>
    {
        public void Dispose()
        {
        }
    }
}

/// <summary>Where the inputs of a model come from; made anew at each pass, never held all at once.</summary>
internal interface IFeedSource
{
    /// <summary>Samples in all.</summary>
    int Count { get; }

    /// <summary>
    /// What each sample came from, where several samples come from one file: they may be alike. Null where each stands by itself.
    /// </summary>
    IReadOnlyList<int>? Sources => null;

    /// <summary>The samples in order, at most <paramref name="batchSize"/> in each feed. The reader disposes of each.</summary>
    IEnumerable<Feed> Batches(int batchSize);
}
