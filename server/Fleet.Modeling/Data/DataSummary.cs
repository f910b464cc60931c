using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>Says what was understood of data.</summary>
internal static class DataSummary
{
    private const int MaximumChannels = 256, MaximumExamples = 6, MaximumFields = 12;

    /// <summary>Letters of an example's text, of a field of its row, and of its label: more is no example any more.</summary>
    private const int MostOfText = 400, MostOfField = 60, MostOfLabel = 80;

    /// <summary>Values of an example along an axis: a line of a terminal, and columns and rows of a picture.</summary>
    private const int LineLength = 60, PictureSide = 24;

    /// <param name="spec">The data as it was asked for, its kind found out.</param>
    /// <param name="data">What was read.</param>
    public static DataReport Of(DataSpec spec, DataSet data) => new()
    {
        Spec = spec,
        Task = data.Task,
        Samples = new SampleCounts(data.Training.Count, data.Validation.Count, data.Test.Count) { Unlabelled = data.Unlabelled?.Count },
        SampleShape = data.Training.SampleShape,
        Classes = Classes(data),
        Labels = data.Training.Labels is ValueLabels labels
            ? [.. Enumerable.Range(0, labels.Columns).Select(column => Range(Number(column),
                labels.Values.Where((_, place) => place % labels.Columns == column)))]
            : [],
        Channels = data.Training.Vocabulary is null ? Channels(data) : [],
        Table = data.Table,
        Preprocessing = data.Preprocessing,
        Notes = data.Notes,
        Examples = [.. Examples(data)],
    };

    /// <summary>Samples of each class by use; empty where there are no classes.</summary>
    public static IReadOnlyList<ClassCount> Classes(DataSet data)
    {
        if (data.Task is not (ModelTask.Classification or ModelTask.MultiLabel or ModelTask.Anomaly) || data.Classes.Count == 0) return [];
        int[] Counts(SampleSet part)
        {
            if (part.Labels is LabelSets sets) return sets.Counts();
            var counts = new int[data.Classes.Count];
            foreach (var number in (part.Labels as ClassLabels)?.Numbers ?? (part.Labels as AnomalyLabels)?.Numbers ?? []) counts[number]++;
            return counts;
        }
        var (training, validation, test) = (Counts(data.Training), Counts(data.Validation), Counts(data.Test));
        return [.. data.Classes.Select((name, number) => new ClassCount(name, training[number], validation[number], test[number]))];
    }

    private static IReadOnlyList<ValueRange> Channels(DataSet data)
    {
        var training = data.Training;
        var channels = training.SampleShape[0];
        var plane = training.SampleLength / channels;
        SeenValues[] seen = [.. Enumerable.Range(0, Math.Min(channels, MaximumChannels)).Select(_ => new SeenValues())];
        for (var sample = 0; sample < training.Count; sample++)
        {
            var values = training.Sample(sample);
            for (var channel = 0; channel < seen.Length; channel++) seen[channel].Add(values.Slice(channel * plane, plane));
        }
        return [
            .. seen.Select((values, channel) => values.Range(data.ChannelNames?.ElementAtOrDefault(channel) ?? Number(channel))),
        ];
    }

    private static ValueRange Range(string name, IEnumerable<float> values)
    {
        var seen = new SeenValues();
        seen.Add([.. values]);
        return seen.Range(name);
    }

    /// <summary>What is known of values that went by.</summary>
    private sealed class SeenValues
    {
        private double _sum, _squares, _least = double.PositiveInfinity, _most = double.NegativeInfinity;
        private long _count;

        public void Add(ReadOnlySpan<float> values)
        {
            _count += values.Length;
            foreach (var value in values)
            {
                (_sum, _squares) = (_sum + value, _squares + (double)value * value);
                (_least, _most) = (Math.Min(_least, value), Math.Max(_most, value));
            }
        }

        public ValueRange Range(string name)
        {
            var mean = _sum / _count;
            return new ValueRange(name, _least, _most, mean, Math.Sqrt(Math.Max(0, _squares / _count - mean * mean)));
        }
    }

    // One of each class before the second of any.
    private static IEnumerable<SampleView> Examples(DataSet data)
    {
        var training = data.Training;
        var chosen = training.Labels is ClassLabels classes
            ? classes.Numbers.Index().DistinctBy(label => label.Item).OrderBy(label => label.Item).Select(label => label.Index)
            : Enumerable.Range(0, training.Count);
        foreach (var sample in chosen.Take(MaximumExamples))
        {
            var label = training.Labels switch
            {
                ClassLabels known => data.Classes[(int)known.Numbers[sample]],
                LabelSets known => string.Join(", ", data.Classes.Where((_, place) => known.Row(sample)[place] > 0)),
                ValueLabels known => string.Join(", ", Enumerable.Range(0, known.Columns)
                    .Select(column => known.Values[sample * known.Columns + column].ToString("0.####", CultureInfo.InvariantCulture))),
                _ => null,
            };
            label = Shortened(label, MostOfLabel);
            if (training.Vocabulary is { } vocabulary)
            {
                var pieces = training.Sample(sample).ToArray().Where(number => number != Vocabulary.Padding);
                yield return new SampleView([], [], label, Shortened(
                    string.Join(' ', pieces.Select(number => vocabulary.Pieces[(int)number])).Replace(" ##", "", StringComparison.Ordinal),
                    MostOfText));
                continue;
            }
            if (data.Table is { } plan)
            {
                yield return new SampleView([], [], label, Row(plan, training.Sample(sample)));
                continue;
            }
            int[] shape = training.SampleShape is [_, var rows, var columns] ? [rows, columns] : [training.SampleShape[^1]];
            yield return Thinned(label, shape, training.Sample(sample)[..shape.Aggregate(1, (product, extent) => product * extent)]);
        }
    }

    /// <summary>
    /// The fields of a row as they were before they became values; what was missing, or is no word of the plan, is a dash.
    /// </summary>
    private static string Row(TablePlan plan, ReadOnlySpan<float> values)
    {
        var fields = new List<string>();
        foreach (var column in plan.Columns.Take(MaximumFields))
        {
            var width = new ColumnReader(column).Width;
            var own = values[..width];
            values = values[width..];
            var isMissing = column.TellsMissing && own[^1] == 1;
            fields.Add($"{Shortened(column.Name, MostOfField)} " + column.Kind switch
            {
                TableColumnKind.Category => own.IndexOf(1f) is >= 0 and var word ? Shortened(column.Words[word], MostOfField) : "–",
                _ when isMissing => "–",
                TableColumnKind.Date => ColumnReader.Day(own[0]).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                _ => own[0].ToString("0.####", CultureInfo.InvariantCulture),
            });
        }
        return string.Join(", ", fields) + (plan.Columns.Count > MaximumFields ? ", …" : "");
    }

    /// <summary>The first letters, and a sign that there are more.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    private static string? Shortened(string? text, int most)
        => text is null || text.Length <= most ? text : $"{text[..(char.IsHighSurrogate(text[most - 2]) ? most - 2 : most - 1)]}…";

    private static SampleView Thinned(string? label, int[] shape, ReadOnlySpan<float> values)
    {
        int[] small = [.. shape.Select(extent => Math.Min(extent, shape.Length == 1 ? LineLength : PictureSide))];
        var thin = new float[small.Aggregate(1, (product, extent) => product * extent)];
        for (var place = 0; place < thin.Length; place++)
        {
            var (row, column) = (place / small[^1], place % small[^1]);
            var from = shape.Length == 1 ? 0 : row * shape[0] / small[0] * shape[^1];
            thin[place] = values[from + column * shape[^1] / small[^1]];
        }
        return new SampleView(small, thin, label);
    }

    private static string Number(int index) => (index + 1).ToString(CultureInfo.InvariantCulture);
}
