using Fleet.Modeling.Data;
using Fleet.Modeling.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Evaluation;

/// <summary>Labelled samples as the single input of a model: floats, or 64-bit integers where they are numbers of tokens.</summary>
internal sealed class SampleFeeds(string inputName, SampleSet samples) : IFeedSource
{
    /// <inheritdoc/>
    public int Count => samples.Count;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        for (var start = 0; start < samples.Count; start += batchSize)
        {
            var count = Math.Min(batchSize, samples.Count - start);
            yield return new Feed(new Dictionary<string, OrtValue> { [inputName] = Value(samples.Inputs.AsMemory(start * samples.SampleLength, count * samples.SampleLength), samples.SampleShape, samples.Vocabulary is not null) });
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
