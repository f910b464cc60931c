using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>Learns from training samples how rows of a table become values, and makes them.</summary>
internal static class TablePlanning
{
    /// <summary>Most words of a column that have a value of their own; rarer ones give zeros.</summary>
    private const int MaximumWords = 64;

    /// <summary>What the training samples teach.</summary>
    /// <param name="columns">The columns of the table, with every word of them.</param>
    /// <param name="training">A number for each column and sample: itself, the place of a word, or days.</param>
    public static TablePlan Learn(IReadOnlyList<TableColumn> columns, SampleSet training)
    {
        TableColumn Learned(TableColumn column, int place)
        {
            float[] codes = [.. Enumerable.Range(0, training.Count).Select(sample => training.Sample(sample)[place])];
            float[] given = [.. codes.Where(float.IsFinite)];
            return column with
            {
                Mean = column.Kind == TableColumnKind.Category || given.Length == 0 ? 0 : given.Average(code => (double)code),
                TellsMissing = column.Kind != TableColumnKind.Category && given.Length < codes.Length,
                Words = [
                    .. given.CountBy(code => code).OrderByDescending(word => word.Value).ThenBy(word => word.Key).Take(MaximumWords)
                        .Where(_ => column.Kind == TableColumnKind.Category).Select(word => (int)word.Key).Order()
                        .Select(word => column.Words[word]),
                ],
            };
        }
        return new TablePlan([.. columns.Select(Learned)]);
    }

    /// <summary>Samples whose values are those of the plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="columns">The columns that <see cref="Learn"/> was given.</param>
    /// <param name="samples">A number for each column and sample.</param>
    /// <param name="shape">The shape of that many values.</param>
    public static SampleSet Encode(
        TablePlan plan, IReadOnlyList<TableColumn> columns, SampleSet samples, Func<int, IReadOnlyList<int>> shape)
    {
        int[][] placesOfWords = [
            .. plan.Columns.Zip(columns, (learned, known) => known.Words.Select(word => learned.Words.ToList().IndexOf(word)).ToArray()),
        ];
        var width = plan.Columns.Sum(column => column.ValueNames().Count);
        var values = new float[samples.Count * width];
        for (var sample = 0; sample < samples.Count; sample++)
        {
            var row = values.AsSpan(sample * width, width);
            foreach (var (place, column) in plan.Columns.Index())
                row = row[Write(column, samples.Sample(sample)[place], placesOfWords[place], row)..];
        }
        return new SampleSet(values, shape(width), samples.Labels) { Origins = samples.Origins };
    }

    private static int Write(TableColumn column, float code, int[] places, Span<float> row)
    {
        var isMissing = !float.IsFinite(code);
        var count = column.Kind switch
        {
            TableColumnKind.Category => column.Words.Count,
            TableColumnKind.Date => 1 + 2 * column.Cycles.Count,
            _ => 1,
        };
        if (column.Kind == TableColumnKind.Category)
        {
            if (!isMissing && places[(int)code] is >= 0 and var word) row[word] = 1;
        }
        else
        {
            row[0] = isMissing ? (float)column.Mean : code;
            if (column.Kind == TableColumnKind.Date && !isMissing)
            {
                foreach (var (cycle, days) in column.Cycles.Index())
                {
                    var (sine, cosine) = Math.SinCos(code * Math.Tau / days);
                    (row[1 + 2 * cycle], row[2 + 2 * cycle]) = ((float)sine, (float)cosine);
                }
            }
        }
        if (column.TellsMissing) row[count++] = isMissing ? 1 : 0;
        return count;
    }
}
