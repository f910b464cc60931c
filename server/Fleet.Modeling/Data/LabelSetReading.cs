using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>
/// Which labels there are where a sample has several: words in one field, or a column for each label that holds 1 or 0. Found out once, by
/// the training labels, and held for every part.
/// </summary>
internal sealed class LabelSetReading
{
    private const int MostNamed = 12;

    /// <summary>Most labels: an output of the network for each, and a figure on each page.</summary>
    internal const int MostLabels = 1_000;

    private static readonly char[] Separators = [';', '|'];

    private readonly Dictionary<string, int> _places;

    private LabelSetReading(IReadOnlyList<string> names)
    {
        Names = names;
        _places = names.Index().DistinctBy(name => name.Item).ToDictionary(name => name.Item, name => name.Index, StringComparer.Ordinal);
    }

    /// <summary>Names of the labels.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>
    /// True where fields of labels name several: parted by <c>;</c> or <c>|</c>, and a part stands in more than one of them.
    /// </summary>
    public static bool HasSeveral(RawLabels labels) => labels.Names is { } names
        && names.Any(name => name.AsSpan().IndexOfAny(Separators) >= 0)
        && names.SelectMany(name => Parts(name).Distinct()).CountBy(part => part).Any(count => count.Value > 1);

    /// <summary>True where rows hold nothing but 1 and 0.</summary>
    public static bool AreMarks(RawLabels labels) => labels.Names is null && labels.Values.All(value => value is 0 or 1);

    /// <summary>Finds out which labels there are.</summary>
    /// <exception cref="BuildException">There is one alone, or what there is are no labels.</exception>
    public static LabelSetReading Of(DataSpec spec, RawSamples training)
    {
        var (labels, columns) = (training.Labels, spec.AllLabelColumns());
        IReadOnlyList<string> found = labels.Columns > 1
            ? columns.Count == labels.Columns ? columns
                : [.. Enumerable.Range(0, labels.Columns).Select(number => number.ToString(CultureInfo.InvariantCulture))]
            : [.. Fields(labels).SelectMany(Parts).Distinct().Order(StringComparer.Ordinal)];
        if (labels.Columns > 1 && spec.Classes is { } given && given.Count != labels.Columns)
            throw new BuildException(
                $"data.classes names {given.Count} labels, and {training.Source} has {labels.Columns} for each sample.");
        var names = spec.Classes ?? found;
        if (names.Count > MostLabels)
            throw new BuildException($"{training.Source} has {names.Count} labels, such as {string.Join(", ", names.Take(3))}, and at most "
                + $"{MostLabels} are learned: name those meant in data.classes, or set data.task to 'classification' when each field is "
                + "one class.");
        if (names.Count == 0)
            throw new BuildException(
                $"{training.Source} has no label at all: every field is empty. Look whether the column is the one that was meant.");
        return names.Count > 1
            ? new LabelSetReading(names)
            : throw new BuildException(
                $"{training.Source} has one label ({string.Join(", ", names)}): whether a sample has it or not are two classes, so that "
                    + "data.task is 'classification'.");
    }

    /// <summary>The labels of each sample.</summary>
    /// <exception cref="BuildException">A label is none of those that there are; it is named with its sample.</exception>
    public LabelSets Sets(RawSamples raw)
    {
        var labels = raw.Labels;
        if (labels.Columns > 1)
        {
            var bad = Array.FindIndex(labels.Values,
                value => labels.Names is { } words ? words[(int)value] is not ("0" or "1") : value is not (0 or 1));
            // Some fields are empty or are words; the others say 1 or 0 all the same.
            double[] marks = labels.Names is { } text && bad < 0
                ? [.. labels.Values.Select(value => text[(int)value] == "1" ? 1.0 : 0)] : labels.Values;
            return bad < 0 && labels.Columns == Names.Count
                ? new LabelSets(Array.ConvertAll(marks, value => (float)value), Names.Count)
                : throw new BuildException(
                    $"{raw.Source} has {labels.Columns} labels for each sample{(bad < 0 ? "" : $", {TextOf(labels, bad)} for "
                        + $"'{Names.ElementAtOrDefault(bad % labels.Columns)}' at {raw.Where(bad / labels.Columns)}")}, and "
                        + $"data.task 'multiLabel' takes 1 or 0 for each of {Names.Count}.");
        }
        var given = new float[labels.Count * Names.Count];
        foreach (var (sample, field) in Fields(labels).Index())
        {
            foreach (var part in Parts(field))
            {
                if (!_places.TryGetValue(part, out var place))
                    throw new BuildException(
                        $"{raw.Source} has the label '{part}' at {raw.Where(sample)}, which is not one of "
                            + $"{string.Join(", ", Names.Take(MostNamed))}{(Names.Count > MostNamed ? ", ..." : "")}: remove it, or name "
                            + "it in data.classes.");
                given[sample * Names.Count + place] = 1;
            }
        }
        return new LabelSets(given, Names.Count);
    }

    private static string TextOf(RawLabels labels, int place)
        => labels.Names is not { } words ? LabelReading.Text(labels.Values[place])
            : words[(int)labels.Values[place]] is { Length: > 0 } word ? $"'{word}'" : "an empty field";

    // A file of single labels among others has them as words or as numbers.
    private static IEnumerable<string> Fields(RawLabels labels)
        => labels.Values.Select(value => labels.Names is { } names ? names[(int)value] : LabelReading.Text(value));

    private static string[] Parts(string field)
        => field.Split(Separators, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
