using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Tests.Weights;

/// <summary>Bits shared among layers, against every other way of sharing them.</summary>
public sealed class BitBudgetTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Loses_hardly_more_than_the_best_of_all_ways_and_keeps_within_the_budget(int seed)
    {
        var random = new Random(seed);
        // Losses fall by about four with each bit, as rounding errors do.
        BitOption[][] layers = [
            .. Enumerable.Range(0, 5).Select(_ =>
            {
                var (weights, felt) = (random.Next(100, 2000), Math.Pow(10, 3 * random.NextDouble()));
                return new[] { 2, 3, 4, 8 }
                    .Select(bits => new BitOption(bits * weights, felt * Math.Pow(4, -bits) * (0.8 + 0.4 * random.NextDouble()))).ToArray();
            }),
        ];
        (long Bits, double Loss) Of(IEnumerable<int> chosen)
        {
            BitOption[] options = [.. layers.Zip(chosen, (layer, at) => layer[at])];
            return (options.Sum(option => option.Bits), options.Sum(option => option.Loss));
        }
        int[][] ways = [.. Enumerable.Range(0, 1024).Select(way => Enumerable.Range(0, 5).Select(layer => way >> 2 * layer & 3).ToArray())];
        var most = layers.Sum(layer => layer[^1].Bits);
        for (var budget = most / 4; budget <= most; budget += most / 16)
        {
            var (bits, loss) = Of(BitBudget.Share(layers, budget));
            var best = ways.Select(Of).Where(way => way.Bits <= budget).Min(way => way.Loss);
            Assert.InRange(bits, 0, budget);
            Assert.InRange(loss, best * 0.999, best * 1.02);
        }
    }

    [Fact]
    public void Option_that_loses_no_less_is_never_paid_for_and_too_small_a_budget_gives_the_cheapest()
    {
        BitOption[] flat = [new(100, 1), new(200, 1), new(300, 2)], steep = [new(100, 8), new(150, 1)];
        Assert.Equal([0, 1], BitBudget.Share([flat, steep], 10_000));
        Assert.Equal([0, 0], BitBudget.Share([flat, steep], 10));
        Assert.Equal([0, 1], BitBudget.Share([flat, steep], 250));
    }
}
