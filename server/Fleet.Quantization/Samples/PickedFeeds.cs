using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Some samples of a source, one in each feed. The steps of a sequence in between are run all the same, because state flows through them.
/// </summary>
/// <param name="source">All samples.</param>
/// <param name="places">Numbers of those that are wanted, in rising order.</param>
internal sealed class PickedFeeds(IFeedSource source, IReadOnlyList<int> places) : IFeedSource
{
    /// <inheritdoc/>
    public int Count => places.Count;

    /// <inheritdoc/>
    public IReadOnlyList<int>? Sources => source.Sources is { } sources ? [.. places.Select(place => sources[place])] : null;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        var next = 0;
        foreach (var (place, feed) in source.Batches(1).Index())
        {
            if (next == places.Count)
            {
                feed.Dispose();
                yield break;
            }
            if (places[next] == place)
            {
                next++;
                yield return feed;
            }
            else if (feed.CarriesState) yield return feed.ForState();
            else feed.Dispose();
        }
    }
}
