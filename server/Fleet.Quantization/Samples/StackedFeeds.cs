using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Batches of samples that run together: each feed holds as many as a batch has, the last one filled with its own from the start. Samples
/// carry no state and have one shape, whose first extent is 1.
/// </summary>
/// <param name="source">The samples.</param>
/// <param name="size">Samples in a batch.</param>
internal sealed class StackedFeeds(IFeedSource source, int size) : IFeedSource
{
    /// <inheritdoc/>
    public int Count => (source.Count + size - 1) / size;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        // Kept for as long as a batch needs them: sources make each feed anew.
        foreach (var samples in source.Batches(1).Chunk(size))
        {
            var batch = Stacked(samples);
            foreach (var sample in samples) sample.Dispose();
            yield return batch;
        }
    }

    private Feed Stacked(Feed[] samples) => new(samples[0].Names.Index().ToDictionary(
        input => input.Item, input => Joined([.. samples.Select(sample => sample.Values.ElementAt(input.Index))])));

    private OrtValue Joined(OrtValue[] values)
    {
        var type = values[0].GetTensorTypeAndShape();
        // One number is meant for all samples.
        var count = type.Shape.Length == 0 ? 1 : size;
        var joined = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, type.ElementDataType, type.Shape is [_, .. var rest] ? [count, .. rest] : []);
        var bytes = joined.GetTensorMutableRawData();
        var each = bytes.Length / count;
        for (var i = 0; i < count; i++) values[i % values.Length].GetTensorMutableRawData().CopyTo(bytes.Slice(i * each, each));
        return joined;
    }
}
