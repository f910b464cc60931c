using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Samples;

public sealed class SpreadFeedsTests
{
    [Theory]
    [InlineData(10, 3, "0,3,6")]
    [InlineData(10, 10, "0,1,2,3,4,5,6,7,8,9")]
    [InlineData(2, 5, "0,1")]
    [InlineData(7, 1, "0")]
    public void Samples_come_from_all_over_the_source(int count, int most, string expected)
    {
        var samples = new TinySamples([.. Enumerable.Range(0, count).Select(value => (float)value)], [1], new long[count]).Feeds("x");
        var spread = new SpreadFeeds(samples, most);
        var taken = spread.Batches(1).Select(feed =>
        {
            using (feed) return feed.Values.Single().GetTensorDataAsSpan<float>()[0];
        }).ToArray();
        Assert.Equal(expected, string.Join(',', taken));
        Assert.Equal(taken.Length, spread.Count);
    }
}
