using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>
/// Which label is which class. Found out once, by the training labels, and held for every part: what is 1 and 2 there is 1 and 2 in the
/// test samples as well.
/// </summary>
internal sealed class ClassReading
{
    private readonly Dictionary<string, int> _named;
    private readonly Dictionary<double, int> _numbered;

    private ClassReading(IReadOnlyList<string> names, IReadOnlyList<double> numbers)
    {
        Names = names;
        _named = names.Index().DistinctBy(name => name.Item).ToDictionary(name => name.Item, name => name.Index, StringComparer.Ordinal);
        _numbered = numbers.Index().ToDictionary(number => number.Item, number => number.Index);
    }

    /// <summary>Class names in the order of the classes.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Finds out what the classes are.</summary>
    /// <exception cref="BuildException">There is one alone, or a label is none.</exception>
    public static ClassReading Of(DataSpec spec, RawSamples training)
    {
        var reading = Found(spec, training);
        return reading.Names.Count > 1
            ? reading
            : throw new BuildException(
                $"{training.Source} has one class ({string.Join(", ", reading.Names)}); a classifier tells at least two apart.");
    }

    /// <summary>The same where one class alone is enough.</summary>
    public static ClassReading OfAny(DataSpec spec, RawSamples training) => Found(spec, training);

    /// <summary>The class of each sample.</summary>
    /// <exception cref="BuildException">A label is none of the classes; it is named with its sample.</exception>
    public ClassLabels Classes(RawSamples raw)
    {
        var labels = raw.Labels;
        if (labels.Columns > 1) return new ClassLabels([.. Enumerable.Range(0, labels.Count).Select(sample => PlaceOf(raw, sample))]);
        return new ClassLabels([.. Enumerable.Range(0, labels.Count).Select(sample => labels.Names is { } names
            ? ClassOf(raw, sample, names[(int)labels.Values[sample]]) : ClassOf(raw, sample, labels.Values[sample]))]);
    }

    private static ClassReading Found(DataSpec spec, RawSamples training)
    {
        var labels = training.Labels;
        if (labels.Columns > 1)
        {
            var columns = spec.AllLabelColumns();
            return new ClassReading(
                spec.Classes ?? (columns.Count == labels.Columns ? columns : Counted(labels.Columns)), []);
        }
        if (labels.Names is { } words) return Of(spec.Classes ?? words);
        double[] numbers = [.. Enumerable.Range(0, labels.Count).Select(sample => NumberOf(training, sample)).Distinct().Order()];
        if (spec.Classes is not { } names)
        {
            // -1 and 1 are classes; -1 beside 0 says in many programs that there is no label.
            return numbers is not [< 0, ..] || !numbers.Contains(0)
                ? Of([.. numbers.Select(LabelReading.Text)])
                : throw LabelReading.Refuse(training, Array.IndexOf(labels.Values, numbers[0]), numbers[0],
                    "which beside 0 may say that there is no label: remove such samples, or name every class in data.classes.");
        }
        // Names that are numbers name the labels; with others, labels count through them, from 0 or from 1.
        if (names.All(name => Number(name) is not null)) return Of(names);
        var first = numbers is [1, ..] && numbers[^1] == names.Count ? 1 : 0;
        return new ClassReading(names, [.. Enumerable.Range(first, names.Count).Select(number => (double)number)]);
    }

    // A file may spell as a number what another holds as one.
    private static ClassReading Of(IReadOnlyList<string> names)
    {
        double[] numbers = [.. names.Select(name => Number(name) ?? double.NaN)];
        return new ClassReading(names, numbers.Any(double.IsNaN) || numbers.Distinct().Count() < numbers.Length ? [] : numbers);
    }

    private static double? Number(string name)
        => double.TryParse(name, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsInteger(number)
            ? number : null;

    private int ClassOf(RawSamples raw, int sample, string name) => _named.TryGetValue(name, out var place)
        || (Number(name) is { } number && _numbered.TryGetValue(number, out place))
        ? place
        : throw new BuildException(
            $"{raw.Source} has the label '{name}' at {raw.Where(sample)}, which is not one of the classes "
                + $"{Listed(Names)}; add it to data.classes or remove its samples.");

    private int ClassOf(RawSamples raw, int sample, double label)
        => _numbered.TryGetValue(NumberOf(raw, sample), out var place) || _named.TryGetValue(LabelReading.Text(label), out place)
            ? place
            : throw LabelReading.Refuse(raw, sample, label, _numbered.Count == 0
                ? $"the classes are {Listed(Names)}."
                : $"labels are {Listed([.. _numbered.Keys.Order().Select(LabelReading.Text)])} for {Names.Count} classes.");

    private static double NumberOf(RawSamples raw, int sample)
    {
        var value = raw.Labels.Values[sample];
        return double.IsInteger(value)
            ? value
            : throw LabelReading.Refuse(raw, sample, value,
                "which is not a class number; set data.task to 'regression' when labels are numbers to predict.");
    }

    private long PlaceOf(RawSamples raw, int sample)
    {
        var labels = raw.Labels;
        if (labels.Columns != Names.Count)
            throw new BuildException(
                $"{raw.Source} has {labels.Columns} labels for each sample, and there are {Names.Count} classes; one-hot labels have a "
                    + "column for each.");
        return labels.OneHot(sample) ?? throw new BuildException(
            $"{raw.Source} has the labels {LabelReading.Text(labels.Row(sample))} at {raw.Where(sample)}; of one-hot labels "
                + "exactly one is 1 and the others are 0, and several classes at once are not learned. Set data.task to 'regression' when "
                + "they are numbers to predict.");
    }

    private static string[] Counted(int count)
        => [.. Enumerable.Range(0, count).Select(number => number.ToString(CultureInfo.InvariantCulture))];

    // All of a few, and the ends of many that count.
    private static string Listed(IReadOnlyList<string> names) => names.Count <= 12
        ? string.Join(", ", names)
        : $"{string.Join(", ", names.Take(10))}, ... {names[^1]} ({names.Count})";
}
