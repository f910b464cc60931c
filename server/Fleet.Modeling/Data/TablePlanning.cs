using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

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
        ColumnReader[] readers = [.. plan.Columns.Select(column => new ColumnReader(column))];
        int[][] placesOfWords = [
            .. plan.Columns.Zip(columns, (learned, known) => known.Words.Select(word => learned.Words.ToList().IndexOf(word)).ToArray()),
        ];
        var width = readers.Sum(reader => reader.Width);
        var values = samples.Values.Room.Take((long)samples.Count * width);
        for (var sample = 0; sample < samples.Count; sample++)
        {
            var row = values.Part((long)sample * width, width);
            foreach (var (place, reader) in readers.Index())
            {
                var code = samples.Sample(sample)[place];
                if (reader.Column.Kind == TableColumnKind.Category && float.IsFinite(code))
                    code = placesOfWords[place][(int)code] is >= 0 and var word ? word : float.NaN;
                reader.Write(code, row);
                row = row[reader.Width..];
            }
        }
        return new SampleSet(values, shape(width), samples.Labels) { Origins = samples.Origins };
    }
}
