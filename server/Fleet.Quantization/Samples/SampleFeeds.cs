using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples of one shape as the single input of a model: floats, or 64-bit integers where they are numbers of tokens.
/// </summary>
/// <param name="inputName">The input.</param>
/// <param name="count">How many samples there are.</param>
/// <param name="batch">Values of the samples from one on, so many, sample by sample, last axis fastest.</param>
/// <param name="sampleShape">Extents of one sample without the batch.</param>
/// <param name="tokens">Whether the values are numbers of tokens.</param>
internal sealed class SampleFeeds(
    string inputName, int count, Func<int, int, Memory<float>> batch, IReadOnlyList<int> sampleShape, bool tokens = false) : IFeedSource
{
    /// <summary>Samples in memory, one after the other.</summary>
    public SampleFeeds(string inputName, float[] values, IReadOnlyList<int> sampleShape, bool tokens = false)
        : this(inputName, values.Length / LengthOf(sampleShape),
            (start, some) => values.AsMemory(start * LengthOf(sampleShape), some * LengthOf(sampleShape)), sampleShape, tokens)
    {
    }

    /// <inheritdoc/>
    public int Count => count;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        for (var start = 0; start < Count; start += batchSize)
        {
            yield return new Feed(new Dictionary<string, OrtValue>
            {
                [inputName] = Value(batch(start, Math.Min(batchSize, Count - start)), sampleShape, tokens),
            });
        }
    }

    /// <summary>Values of whole samples as an input: floats, or the integers that numbers of tokens are.</summary>
    public static OrtValue Value(Memory<float> values, IReadOnlyList<int> sampleShape, bool tokens)
    {
        long[] shape = [values.Length / LengthOf(sampleShape), .. sampleShape.Select(extent => (long)extent)];
        return tokens
            ? OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values.ToArray(), token => (long)token), shape)
            : OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, shape);
    }

    private static int LengthOf(IReadOnlyList<int> sampleShape) => sampleShape.Aggregate(1, (product, extent) => product * extent);
}
