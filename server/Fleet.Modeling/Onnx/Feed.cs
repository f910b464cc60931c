using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Onnx;

/// <summary>The inputs of one run by name.</summary>
internal sealed class Feed(IReadOnlyDictionary<string, OrtValue> values) : IDisposable
{
    /// <summary>Input names.</summary>
    public IReadOnlyCollection<string> Names { get; } = [.. values.Keys];

    /// <summary>The values, in the order of <see cref="Names"/>.</summary>
    public IReadOnlyCollection<OrtValue> Values { get; } = [.. values.Values];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in Values) value.Dispose();
    }
}

/// <summary>Where the inputs of a model come from; made anew at each pass, never held all at once.</summary>
internal interface IFeedSource
{
    /// <summary>Samples in all.</summary>
    int Count { get; }

    /// <summary>The samples in order, at most <paramref name="batchSize"/> in each feed. The reader disposes of each.</summary>
    IEnumerable<Feed> Batches(int batchSize);
}
