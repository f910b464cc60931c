using Fleet.Modeling.Data;

namespace Fleet.Modeling.Training;

/// <summary>
/// Orders of samples in which each class comes as often as every other: of a frequent class some samples wait for another epoch, those of a
/// rare one come again.
/// </summary>
/// <param name="labels">The classes of the samples.</param>
internal sealed class BalancedOrder(ClassLabels labels)
{
    private readonly int[][] _classes = [
        .. Enumerable.Range(0, labels.Count).GroupBy(sample => labels.Numbers[sample]).OrderBy(group => group.Key)
            .Select(group => group.ToArray()),
    ];

    /// <summary>Fills <paramref name="order"/> with numbers of samples, mixed by <paramref name="random"/>.</summary>
    public void Fill(int[] order, Random random)
    {
        // What cannot be shared out evenly falls to classes by chance, another time to others.
        int[] turns = [.. Enumerable.Range(0, _classes.Length)];
        random.Shuffle(turns);
        var next = 0;
        foreach (var (turn, number) in turns.Index())
        {
            var count = order.Length / turns.Length + (turn < order.Length % turns.Length ? 1 : 0);
            int[] samples = [.. _classes[number]];
            for (var taken = 0; taken < count; taken++)
            {
                if (taken % samples.Length == 0) random.Shuffle(samples);
                order[next++] = samples[taken % samples.Length];
            }
        }
        random.Shuffle(order);
    }
}
