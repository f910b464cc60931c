using Fleet.Modeling.Data;
using Fleet.Modeling.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Evaluation;

/// <summary>Labelled samples as the single float input of a model.</summary>
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
            long[] shape = [count, .. samples.SampleShape.Select(extent => (long)extent)];
            var values = samples.Inputs.AsMemory(start * samples.SampleLength, count * samples.SampleLength);
            yield return new Feed(new Dictionary<string, OrtValue> { [inputName] = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, shape) });
        }
    }
}
