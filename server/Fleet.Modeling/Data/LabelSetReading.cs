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
        && names.SelectMany(Parts).CountBy(part => part).Any(count => count.Value > 1);

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
            var bad = labels.Names is not null ? 0 : Array.FindIndex(labels.Values, value => value is not (0 or 1));
            return bad < 0 && labels.Columns == Names.Count
                ? new LabelSets(Array.ConvertAll(labels.Values, value => (float)value), Names.Count)
                : throw new BuildException(
                    $"{raw.Source} has {labels.Columns} labels for each sample{(bad < 0 ? "" : $", {TextOf(labels, bad)} among them at "
                        + $"sample {bad / labels.Columns} (counted from 0)")}, and data.task 'multiLabel' takes 1 or 0 for each of "
                        + $"{Names.Count}.");
        }
        var given = new float[labels.Count * Names.Count];
        foreach (var (sample, field) in Fields(labels).Index())
        {
            foreach (var part in Parts(field))
            {
                if (!_places.TryGetValue(part, out var place))
                    throw new BuildException(
                        $"{raw.Source} has the label '{part}' at sample {sample} (counted from 0), which is not one of "
                            + $"{string.Join(", ", Names.Take(MostNamed))}{(Names.Count > MostNamed ? ", ..." : "")}: remove it, or name "
                            + "it in data.classes.");
                given[sample * Names.Count + place] = 1;
            }
        }
        return new LabelSets(given, Names.Count);
    }

    private static string TextOf(RawLabels labels, int place)
        => labels.Names is { } words ? $"'{words[(int)labels.Values[place]]}'" : LabelReading.Text(labels.Values[place]);

    // A file of single labels among others has them as words or as numbers.
    private static IEnumerable<string> Fields(RawLabels labels)
        => labels.Values.Select(value => labels.Names is { } names ? names[(int)value] : LabelReading.Text(value));

    private static string[] Parts(string field)
        => field.Split(Separators, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
