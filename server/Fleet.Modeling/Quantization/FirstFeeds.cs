using Fleet.Modeling.Onnx;

namespace Fleet.Modeling.Quantization;

/// <summary>The first samples of a source, where all of them would only take time.</summary>
internal sealed class FirstFeeds(IFeedSource source, int most) : IFeedSource
{
    /// <inheritdoc/>
    public int Count => Math.Min(most, source.Count);

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize) => source.Batches(Math.Min(batchSize, most)).Take((Count + batchSize - 1) / batchSize);
}
