using Fleet.Contracts.Tasks;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Evaluation;

public sealed class SampleSplitTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(9_999)]
    public void No_sample_both_chooses_and_reports_and_none_is_lost(int count)
    {
        var split = SampleSplit.Of(Numbers(count));
        Assert.Empty(split.Selection.Intersect(split.Report));
        Assert.Equal(Numbers(count), split.Selection.Concat(split.Report).Order());
        Assert.Equal(split.Selection.Order(), split.Selection);
        Assert.InRange(split.Selection.Count, 1, Math.Max(1, Math.Min(2_000, count / 2)));
        Assert.True(split.IsHeldOut);
    }

    [Fact]
    public void Same_samples_always_fall_alike()
        => Assert.Equal(SampleSplit.Of(Numbers(50)).Selection, SampleSplit.Of(Numbers(50)).Selection);

    [Fact]
    public void Rare_class_is_in_both_halves()
    {
        long[] classes = [.. Enumerable.Range(0, 200).Select(sample => sample % 50 == 0 ? 1L : 0L)];
        var split = SampleSplit.Of(Numbers(200), classes);
        Assert.Equal((2, 2), (split.Selection.Count(sample => classes[sample] == 1), split.Report.Count(sample => classes[sample] == 1)));
    }

    [Fact]
    public void Samples_of_one_file_stay_together()
    {
        int[] sources = [.. Numbers(60).Select(sample => sample / 6)];
        var split = SampleSplit.Of(Numbers(60), sources: sources);
        Assert.Empty(split.Selection.Select(sample => sources[sample]).Intersect(split.Report.Select(sample => sources[sample])));
        Assert.Equal(30, split.Selection.Count);
    }

    /// <summary>A file for each class, kept together, would leave each half without half of the classes.</summary>
    [Fact]
    public void Only_file_of_a_class_is_split()
    {
        long[] classes = [.. Numbers(60).Select(sample => (long)(sample / 15))];
        var split = SampleSplit.Of(Numbers(60), classes, [.. classes.Select(label => (int)label)]);
        Assert.Equal([7, 7, 8, 8], split.Selection.CountBy(sample => classes[sample]).Select(one => one.Value).Order());
        Assert.Equal(split.Report.Count, split.Clusters.Places.Count);
    }

    [Fact]
    public void Samples_of_one_file_are_drawn_together()
    {
        var split = SampleSplit.Of(Numbers(60), sources: [.. Numbers(60).Select(sample => sample / 6)]);
        Assert.Equal((5, 30), (split.Clusters.Drawn, split.Clusters.Samples));
        Assert.All(split.Clusters.Places, cluster => Assert.Single(cluster.Select(place => split.Report[place] / 6).Distinct()));
        Assert.Equal(Numbers(30), split.Clusters.Places.SelectMany(cluster => cluster).Order());
    }

    [Fact]
    public void Neighbours_of_a_sequence_are_drawn_together()
    {
        var clusters = SampleSplit.Of(Numbers(54), sequence: true).Clusters;
        Assert.Equal((27, 3), (clusters.Places.Count, clusters.Drawn));
        Assert.Equal([25, 26, 0, 1, 2, 3, 4, 5, 6], clusters.Places[25]);
        // A longer one has longer runs, and more of them.
        Assert.Equal((30, 95), (SampleClusters.Blocks(1_000).Drawn * 3, SampleClusters.Blocks(1_000).Places[0].Length));
    }

    [Fact]
    public void Smaller_of_two_files_chooses()
        => Assert.Equal([0, 1], SampleSplit.Of(Numbers(20), sources: [.. Numbers(20).Select(sample => sample < 2 ? 0 : 1)]).Selection);

    [Fact]
    public void State_flows_from_what_chooses_into_what_reports_and_never_back()
    {
        var split = SampleSplit.Of(Numbers(9), sequence: true);
        Assert.Equal([0, 1, 2, 3], split.Selection);
        Assert.Equal([4, 5, 6, 7, 8], split.Report);
    }

    [Fact]
    public void Single_sample_does_both_and_says_so() => Assert.False(SampleSplit.Of(Numbers(1)).IsHeldOut);

    [Theory]
    [InlineData(16.7, 1.8, 0.5, 3, MetricDirection.Higher, true)] // told and judged, as a text detector once was
    [InlineData(3.4, 1.8, 0.5, 3, MetricDirection.Higher, false)] // half as many again explain it
    [InlineData(1.0, 1.8, 0.5, 3, MetricDirection.Higher, false)] // what reports is the better
    [InlineData(-0.01, 0.02, 0.005, 0.03, MetricDirection.Lower, true)] // a loss that only what chose did not see
    [InlineData(0.01, 0.02, 0.005, 0.03, MetricDirection.Lower, false)]
    public void Contradiction_is_more_than_both_halves_scatter(
        double chosen, double told, double low, double high, MetricDirection better, bool contradicts)
        => Assert.Equal(contradicts, Overfitting.Contradicts(chosen, told, low, high, better, choosing: 10, reporting: 10));

    [Theory]
    [InlineData(0.004, null)]
    [InlineData(0.02, "known to ±2 points; ±1 points would take about 800 samples")]
    public void Too_few_samples_are_said_with_how_many_would_do(double half, string? said)
    {
        var lacking = Precision.Lacking("what is lost of accuracy", Units.Ratio, new("accuracy", -half, half), 100, 0.01);
        if (said is null) Assert.Null(lacking);
        else Assert.Contains(said, lacking, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "2 samples report: too few")]
    [InlineData(50, "Of 50 samples that report too few tell")]
    public void Figure_without_an_interval_is_said_to_have_none(int samples, string said)
        => Assert.StartsWith(said, Precision.Lacking("accuracy", Units.Ratio, null, samples, 0.01), StringComparison.Ordinal);

    [Theory]
    [InlineData(31, 30.5, 32, 30, null)]
    [InlineData(31, 29, 33, 30, "Its figure holds the limit of 30 dB, its interval reaches below, to 29.0 dB; about 800 samples to judge")]
    [InlineData(30, 29, 33, 30, "to 29.0 dB; it is too near the limit for samples to tell.")]
    public void Decibels_whose_interval_reaches_below_the_limit_are_said_to(
        double decibels, double low, double high, double limit, string? said)
        => Says(said, Precision.ReachingPast(decibels, new("signalToNoise", low, high), limit, Units.Decibels, 100));

    [Theory]
    [InlineData(0.005, 0.009, Units.Ratio, null)]
    [InlineData(-0.02, 0.02, Units.Ratio, "reaches past it: 2 points may be lost, and the limit is 1 point; about 360 samples to judge")]
    [InlineData(0.005, 0.0125, "cycles", "0.012 cycles may be lost, and the limit is 0.01 cycles")]
    public void Loss_whose_interval_reaches_past_the_limit_is_said_to(double lost, double high, string unit, string? said)
        => Says(said, Precision.ReachingPast(lost, new("m", -0.05, high), 0.01, unit, 100));

    private static void Says(string? part, string? sentence)
    {
        if (part is null) Assert.Null(sentence);
        else Assert.Contains(part, sentence, StringComparison.Ordinal);
    }

    private static int[] Numbers(int count) => [.. Enumerable.Range(0, count)];
}
