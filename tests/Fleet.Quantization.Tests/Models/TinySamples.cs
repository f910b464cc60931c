using Fleet.Quantization.Samples;

namespace Fleet.Quantization.Tests.Models;

/// <summary>Samples of one input with a class each.</summary>
internal sealed record TinySamples(float[] Inputs, IReadOnlyList<int> SampleShape, long[] Labels)
{
    public int Count => Labels.Length;

    public SampleFeeds Feeds(string inputName) => new(inputName, Inputs, SampleShape);
}
