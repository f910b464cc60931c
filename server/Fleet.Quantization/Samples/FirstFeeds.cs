using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>The first samples of a source, one in each feed.</summary>
internal sealed class FirstFeeds(IFeedSource source, int most) : IFeedSource
{
    /// <inheritdoc/>
    public int Count => Math.Min(most, source.Count);

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize) => source.Batches(1).Take(most);
}
