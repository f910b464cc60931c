using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples from all over a source, one in each feed: files are often sorted by class, so that the first ones are alike. Of a
/// sequence, whose state no step may miss, they are the first.
/// </summary>
internal sealed class SpreadFeeds(IFeedSource source, int most) : IFeedSource
{
    /// <inheritdoc/>
    public int Count => Math.Min(most, source.Count);

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        var taken = 0;
        var place = -1;
        foreach (var feed in source.Batches(1))
        {
            if (!feed.IsForState) place++;
            // What is run for its state alone is no sample.
            if (feed.IsForState) yield return feed;
            else if (taken < Count && (feed.CarriesState || place >= (long)taken * source.Count / Count))
            {
                taken++;
                yield return feed;
            }
            else
            {
                feed.Dispose();
                if (taken == Count) yield break;
            }
        }
    }
}
