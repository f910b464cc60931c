using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

public sealed class SequenceRangesTests
{
    [Theory]
    [InlineData(new long[] { 1, 2, 3 }, "1-3")]
    [InlineData(new long[] { 3, 1, 2 }, "1-3")]
    [InlineData(new long[] { 5, 9, 7 }, "5-5,7-7,9-9")]
    [InlineData(new long[] { 5, 7, 6, 6 }, "5-7")]
    public void Seen_sequences_join_into_ranges(long[] sequences, string expected)
    {
        var ranges = sequences.Aggregate(new SequenceRanges(), (seen, sequence) => seen.Add(sequence));
        Assert.Equal(expected, ranges.ToString());
        Assert.Equal(expected, SequenceRanges.Parse(expected).ToString());
    }
}
