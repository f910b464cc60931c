using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Accuracy;

/// <summary>How many layers to return to float is found in few attempts, whether the ranking expects right or not.</summary>
public sealed class CountSearchTests
{
    private const int Layers = 64, Most = 32;

    /// <summary>Each layer makes a tenth less of the error than the one before.</summary>
    [Fact]
    public void Where_keeping_takes_bytes_alone_that_comes_first_which_makes_most_of_the_error_for_each_weight()
    {
        var graph = new OnnxGraph(new GraphBuilder().Input("x", -1, 4).Weight("small", 4, 4).Weight("large", 4, 400)
            .Node("MatMul", ["x", "small"], "a").Node("MatMul", ["a", "large"], "b").Output("b", -1, 400).Build());
        RankedOperator[] ranking = [new("b", 1.5), new("a", 1)];
        Assert.Equal(["a", "b"], AccuracyControl.CheapestFirst(ranking, graph).Select(one => one.Output));
        Assert.Equal(["b", "a"], AccuracyControl.CheapestFirst([new("b", 30), new("a", 0.02)], graph).Select(one => one.Output));
    }

    private static readonly RankedOperator[] Ranking = [
        .. Enumerable.Range(0, Layers).Select(i => Math.Pow(0.9, i) * 0.1 / (1 - Math.Pow(0.9, Layers)))
            .Select((share, i) => new RankedOperator($"layer{i}", -10 * Math.Log10(1 - share))),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(17)]
    [InlineData(31)]
    [InlineData(32)]
    public void Count_that_the_ranking_expects_is_confirmed_by_one_fewer(int needed)
    {
        var (found, tried) = Found(count => Expected(count), Expected(needed));
        Assert.Equal(needed, found);
        Assert.True(tried <= 2, $"{tried} models were made.");
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.8)]
    [InlineData(1.5)]
    [InlineData(3)]
    public void Count_is_the_fewest_where_returning_layers_wins_more_or_less_than_was_expected(double factor)
    {
        for (var needed = 1; needed <= Most; needed++)
        {
            var (found, tried) = Found(count => Expected(count) * factor, Expected(needed) * factor);
            Assert.Equal(needed, found);
            Assert.True(tried <= 9, $"{tried} models were made for {needed}.");
        }
    }

    [Fact]
    public void What_no_count_reaches_is_tried_with_the_most_alone()
    {
        var (found, tried) = Found(count => Expected(count), Expected(Most) + 10);
        Assert.Equal((0, 1), (found, tried));
    }

    [Fact]
    public void Without_decibels_counts_are_doubled_and_halved_back()
    {
        var search = new CountSearch(Ranking, Most);
        var tried = new List<int>();
        while (!search.IsOver)
        {
            tried.Add(search.Next(null, tried.LastOrDefault()));
            search.Found(tried[^1], tried[^1] >= 11);
        }
        Assert.Equal([1, 2, 4, 8, 16, 12, 10, 11], tried);
    }

    /// <summary>Decibels that returning so many wins, by the ranking.</summary>
    private static double Expected(int count)
        => -10 * Math.Log10(1 - Ranking.Take(count).Sum(ranked => CountSearch.ShareOf(ranked.Gain)));

    private static (int Found, int Tried) Found(Func<int, double> won, double wanted)
    {
        var (search, count, found, tried) = (new CountSearch(Ranking, Most), 0, 0, 0);
        while (!search.IsOver)
        {
            count = search.Next(wanted - won(count), count);
            var isEnough = won(count) >= wanted - 1e-9;
            if (isEnough) found = count;
            search.Found(count, isEnough);
            tried++;
        }
        return (found, tried);
    }
}
