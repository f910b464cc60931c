using Fleet.Server.Canary;

namespace Fleet.Server.Tests.Canary;

public sealed class PlacementTests
{
    [Theory]
    [InlineData(0.05)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void Ratio_is_one_in_the_mean_over_all_places_that_chance_could_give(double exponent)
    {
        double[] incumbents = [1, 2, 3, 4, 5, 6, 7];
        double[] candidates = [0.5, 2.5, 2.7, 7.1, 7.2, 7.3];
        // One place between any two neighbours, whoever they are.
        double[] all = [.. incumbents.Concat(candidates).Order()];
        double[] places = [all[0] - 1, .. all.Zip(all.Skip(1), (left, right) => (left + right) / 2), all[^1] + 1];

        var mean = places.Average(score => Placement.Of(score, incumbents, candidates).Ratio(exponent));

        Assert.Equal(1, mean, 12);
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.9)]
    public void Ties_never_lift_the_mean_above_one(double exponent)
    {
        double[] all = [0, 0, 0, 0, 0, 1, 1, 2];

        // Every choice of who is the incumbent, who came before and who comes now is as likely as any other.
        var ratios = from now in Enumerable.Range(0, all.Length)
                     from before in Enumerable.Range(0, all.Length)
                     where now != before
                     let incumbents = all.Where((_, i) => i != now && i != before).ToArray()
                     select Placement.Of(all[now], incumbents, [all[before]]).Ratio(exponent);

        Assert.InRange(ratios.Average(), 0.5, 1 + 1e-12);
    }

    [Fact]
    public void Candidate_above_all_is_strong_evidence_whether_or_not_it_is_above_the_candidates_before_it()
    {
        double[] incumbents = [.. Enumerable.Range(0, 190).Select(i => (double)i)];

        var above = Placement.Of(1001, incumbents, [1000]).Ratio(0.05);
        var below = Placement.Of(999, incumbents, [1000]).Ratio(0.05);

        Assert.Equal(above, below);
        Assert.InRange(above, 70, 80);
    }

    [Fact]
    public void Without_incumbents_a_place_says_nothing()
        => Assert.Equal(1, Placement.Of(5, [], [1, 9]).Ratio(0.3), 12);
}
