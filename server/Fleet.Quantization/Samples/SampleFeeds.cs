using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples in memory, one after the other, as the single input of a model: floats, or 64-bit integers where they are numbers of tokens.
/// </summary>
/// <param name="inputName">The input.</param>
/// <param name="values">All values, sample by sample, last axis fastest.</param>
/// <param name="sampleShape">Extents of one sample without the batch.</param>
/// <param name="tokens">Whether the values are numbers of tokens.</param>
internal sealed class SampleFeeds(string inputName, float[] values, IReadOnlyList<int> sampleShape, bool tokens = false) : IFeedSource
{
    private readonly int _length = sampleShape.Aggregate(1, (product, extent) => product * extent);

    /// <inheritdoc/>
    public int Count => values.Length / _length;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        for (var start = 0; start < Count; start += batchSize)
        {
            var count = Math.Min(batchSize, Count - start);
            yield return new Feed(new Dictionary<string, OrtValue>
            {
                [inputName] = Value(values.AsMemory(start * _length, count * _length), sampleShape, tokens),
            });
        }
    }

    /// <summary>Values of whole samples as an input: floats, or the integers that numbers of tokens are.</summary>
    public static OrtValue Value(Memory<float> values, IReadOnlyList<int> sampleShape, bool tokens)
    {
        var length = sampleShape.Aggregate(1, (product, extent) => product * extent);
        long[] shape = [values.Length / length, .. sampleShape.Select(extent => (long)extent)];
        return tokens
            ? OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values.ToArray(), token => (long)token), shape)
            : OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, shape);
    }
}
