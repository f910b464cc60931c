namespace Fleet.Quantization.Weights;

/// <summary>One way of storing a weight.</summary>
/// <param name="Bits">What it takes in the file.</param>
/// <param name="Loss">What the model's answers lose by it.</param>
internal readonly record struct BitOption(long Bits, double Loss);

/// <summary>
/// Shares a budget of bits among layers so that what they lose together is least: errors of layers add up, which makes it the knapsack
/// with one choice for each layer, solved by the usual table of the least loss for every budget.
/// </summary>
internal static class BitBudget
{
    /// <summary>Budgets that are told apart.</summary>
    private const int Steps = 20_000;

    /// <summary>For each layer the place of its option.</summary>
    /// <param name="layers">The options of each layer.</param>
    /// <param name="budget">Bits that all may take together; where even the cheapest take more, they are the answer.</param>
    public static int[] Share(IReadOnlyList<IReadOnlyList<BitOption>> layers, long budget)
    {
        var step = Math.Max(1, budget / Steps);
        var most = (int)(budget / step);
        var losses = new double[most + 1];
        var chosen = new List<int[]>();
        foreach (var options in layers)
        {
            var (next, taken) = (new double[most + 1], new int[most + 1]);
            Array.Fill(next, double.PositiveInfinity);
            // The cheaper of two that lose the same comes first.
            foreach (var at in Enumerable.Range(0, options.Count).OrderBy(at => options[at].Bits))
            {
                var cost = (options[at].Bits + step - 1) / step;
                for (var spent = (int)Math.Min(cost, most + 1L); spent <= most; spent++)
                {
                    if (losses[spent - cost] + options[at].Loss is var loss && loss < next[spent]) (next[spent], taken[spent]) = (loss, at);
                }
            }
            losses = next;
            chosen.Add(taken);
        }
        if (double.IsPositiveInfinity(losses[most])) return [.. layers.Select(Cheapest)];

        var shares = new int[layers.Count];
        var left = most;
        for (var layer = layers.Count - 1; layer >= 0; layer--)
        {
            shares[layer] = chosen[layer][left];
            left -= (int)((layers[layer][shares[layer]].Bits + step - 1) / step);
        }
        return shares;
    }

    private static int Cheapest(IReadOnlyList<BitOption> options) => Enumerable.Range(0, options.Count).MinBy(at => options[at].Bits);
}
