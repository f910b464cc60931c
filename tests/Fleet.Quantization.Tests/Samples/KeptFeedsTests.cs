using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Samples;

/// <summary>Samples that are read from files once.</summary>
public sealed class KeptFeedsTests
{
    private const int OneSample = 2 * sizeof(float) + sizeof(long);

    [Fact]
    public void Samples_are_read_once_and_the_same_at_each_pass()
    {
        var source = new CountedFeeds(3);
        var kept = new KeptFeeds(source, 3 * OneSample);
        for (var pass = 0; pass < 3; pass++) Assert.Equal([0f, 0.5f, 1f, 1.5f, 2f, 2.5f], ValuesOf(kept));
        Assert.Equal(1, source.Passes);
    }

    [Fact]
    public void Samples_that_are_too_large_to_keep_are_read_at_each_pass()
    {
        var source = new CountedFeeds(3);
        var kept = new KeptFeeds(source, 3 * OneSample - 1);
        for (var pass = 0; pass < 3; pass++) Assert.Equal([0f, 0.5f, 1f, 1.5f, 2f, 2.5f], ValuesOf(kept));
        Assert.Equal(3, source.Passes);
    }

    [Fact]
    public void Pass_that_ends_early_keeps_nothing()
    {
        var source = new CountedFeeds(3);
        var kept = new KeptFeeds(source);
        foreach (var feed in kept.Batches(1).Take(1)) feed.Dispose();
        Assert.Equal(6, ValuesOf(kept).Length);
        Assert.Equal(2, source.Passes);
    }

    [Fact]
    public void What_carries_state_is_another_value_at_each_pass()
    {
        var source = new CountedFeeds(3) { CarriesState = true };
        var kept = new KeptFeeds(source);
        ValuesOf(kept);
        Assert.All(kept.Batches(1), feed => Assert.True(feed.CarriesState));
        Assert.Equal(2, source.Passes);
    }

    private static float[] ValuesOf(KeptFeeds samples)
    {
        var values = new List<float>();
        foreach (var feed in samples.Batches(1))
        {
            // Readers dispose of what they are given.
            using (feed)
            {
                Assert.Equal(["x", "tokens"], feed.Names);
                values.AddRange(feed.Values.First().GetTensorDataAsSpan<float>());
                Assert.Equal(7, feed.Values.Last().GetTensorDataAsSpan<long>()[0]);
            }
        }
        return [.. values];
    }

    private sealed class CountedFeeds(int count) : IFeedSource
    {
        public int Passes { get; private set; }

        public bool CarriesState { get; init; }

        public int Count => count;

        public IEnumerable<Feed> Batches(int batchSize)
        {
            Passes++;
            for (var i = 0; i < count; i++)
                yield return new Feed(new Dictionary<string, OrtValue>
                {
                    ["x"] = OrtValue.CreateTensorValueFromMemory([i, i + 0.5f], [1, 2]),
                    ["tokens"] = OrtValue.CreateTensorValueFromMemory([7L], [1]),
                }, CarriesState ? new Dictionary<string, Action<OrtValue>> { ["next"] = _ => { } } : null);
        }
    }
}
