using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Search;

namespace Fleet.Modeling.Tests.Search;

/// <summary>Which student is taken.</summary>
public sealed class SearchRulesTests
{
    private static (Candidate, CandidateResult) Of(string family, long bytes, double accuracy, params double[] losses)
        => (new Candidate(new StudentSpec { Family = family }, new TrainingSpec(), "none", new CandidateCost(1, 1, 1, bytes, null)),
            new CandidateResult(
                new SearchRung(1, 100, 3, MetricValue.Of(Metric.Accuracy, accuracy), 0.01, losses.Average(), 1), losses));

    [Fact]
    public void Best_of_each_family_goes_on_before_the_second_of_any()
        => Assert.Equal(["kernels 1", "conv1d 3", "mlp 5", "kernels 2", "conv1d 4"], SearchRules.ByFamily([
            .. new[] { ("kernels", 1), ("kernels", 2), ("conv1d", 3), ("conv1d", 4), ("mlp", 5) }
                .Select(one => Of(one.Item1, one.Item2, 0.9, 0.1).Item1),
        ]).Select(candidate => $"{candidate.Student.Family} {candidate.Cost.Bytes}"));

    [Fact]
    public void Least_loss_is_taken()
        => Assert.Equal("cnn", SearchRules.Choose([Of("mlp", 10, 0.9, 0.5, 0.5, 0.4), Of("cnn", 20, 0.95, 0.1, 0.1, 0.1)]).Student.Family);

    [Theory]
    [InlineData(0.95, 10, "mlp")] // as good by its figure, and its loss is larger by less than chance gives
    [InlineData(0.94, 10, "cnn")] // worse by its figure
    [InlineData(0.95, 30, "cnn")] // not smaller
    public void Of_two_that_cannot_be_told_apart_the_smaller_is_taken(double accuracy, long bytes, string taken)
        => Assert.Equal(taken, SearchRules.Choose([
            Of("mlp", bytes, accuracy, 0.3, 0.0, 0.2), Of("cnn", 20, 0.95, 0.1, 0.2, 0.1)]).Student.Family);

    [Theory]
    [InlineData(0.95, new[] { 0.3, 0.2, 0.25 }, "cnn")] // each sample is told better, and the figure is as good
    [InlineData(0.94, new[] { 0.3, 0.2, 0.25 }, "mlp")] // the figure is worse
    [InlineData(0.95, new[] { 0.9, 0.1, 0.1 }, "mlp")] // a better mean by one sample
    public void What_stands_gives_way_to_what_is_better_beyond_chance(double accuracy, double[] losses, string taken)
        => Assert.Equal(
            taken, SearchRules.Surest([Of("mlp", 10, 0.95, 0.5, 0.4, 0.45), Of("cnn", 10, accuracy, losses)], null).Student.Family);

    // Six windows are better than before and three worse, each as its machine is: of three machines one says otherwise.
    [Theory]
    [InlineData(null, "cnn")]
    [InlineData(new[] { 0, 0, 0, 1, 1, 1, 2, 2, 2 }, "mlp")]
    [InlineData(new[] { 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "mlp")] // of one machine nothing tells what others say
    public void Windows_of_one_machine_say_together_what_is_better(int[]? origins, string taken)
        => Assert.Equal(taken, SearchRules.Surest([
            Of("mlp", 10, 0.95, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
            Of("cnn", 10, 0.95, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.6, 0.6, 0.6),
        ], origins).Student.Family);
}
