using System.Globalization;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Labels as a file has them, before the task says what they are.</summary>
/// <param name="Values">Numbers, row by row; where there are <see cref="Names"/>, positions among them.</param>
/// <param name="Columns">Numbers for one sample.</param>
internal sealed record RawLabels(double[] Values, int Columns = 1)
{
    /// <summary>Labelled samples.</summary>
    public int Count => Values.Length / Columns;

    /// <summary>True where the file stores whole numbers, so that they may be classes without anybody saying so.</summary>
    public bool Whole { get; init; } = true;

    /// <summary>The words that <see cref="Values"/> count into, in alphabetical order; null where the file has numbers.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>True where nobody said what the samples are.</summary>
    public bool AreNone { get; init; }

    /// <summary>
    /// True where a sample has boxes: class, left, top, right and bottom of each, filled up with boxes of a negative class.
    /// </summary>
    public bool AreBoxes { get; init; }

    /// <summary>
    /// Names of classes, even where all are numbers: in order of size then, else of the alphabet.
    /// </summary>
    public static RawLabels Named(IReadOnlyList<string> labels)
    {
        string[] names = [.. labels.Distinct().Order(StringComparer.Ordinal)];
        if (names.All(name => int.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)))
            names = [.. names.OrderBy(name => int.Parse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))];
        var places = names.Index().ToDictionary(name => name.Item, name => (double)name.Index);
        return new RawLabels([.. labels.Select(label => places[label])]) { Names = names };
    }

    /// <summary>Of samples that nobody labelled.</summary>
    public static RawLabels None(int samples) => new(new double[samples]) { AreNone = true };

    /// <summary>
    /// The labels of several files with as many for a sample, one after the other. Where one of them has words, the numbers of others are
    /// words too: a file whose samples are all 0 does not know that another calls some of them a leak.
    /// </summary>
    public static RawLabels Joined(IReadOnlyList<RawLabels> parts) => parts.Any(part => part.Names is not null)
        ? Named([.. parts.SelectMany(part => part.Words())])
        : parts[0] with { Values = [.. parts.SelectMany(part => part.Values)], Whole = parts.All(part => part.Whole) };

    /// <summary>The label of each sample as a word, of samples that have one each.</summary>
    public IEnumerable<string> Words() => Values.Select(value => Names is { } names ? names[(int)value] : LabelReading.Text(value));

    /// <summary>The labels of one sample.</summary>
    public ReadOnlySpan<double> Row(int sample) => Values.AsSpan(sample * Columns, Columns);

    /// <summary>The place of the one label of a sample that is 1 where all others are 0; null where that is not so.</summary>
    public int? OneHot(int sample)
    {
        var row = Row(sample);
        return row.Count(1) == 1 && row.Count(0) == Columns - 1 ? row.IndexOf(1) : null;
    }

    /// <summary>Class numbers.</summary>
    public static RawLabels Of(IEnumerable<long> numbers) => new([.. numbers.Select(number => (double)number)]);

    /// <summary>An array whose first axis counts samples.</summary>
    public static RawLabels Of(NpyArray array)
        => new(array.ToDoubles(), array.Shape.Skip(1).Aggregate(1, (product, extent) => product * extent)) { Whole = array.Type[0] != 'f' };

    /// <summary>Labels that a file spells out. When all are numbers they are numbers; otherwise they are names.</summary>
    public static RawLabels Of(IReadOnlyList<string> labels)
    {
        var values = new double[labels.Count];
        var numbers = true;
        for (var i = 0; numbers && i < values.Length; i++)
            numbers = double.TryParse(labels[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]);
        if (numbers)
            return new RawLabels(values)
            {
                Whole = labels.All(label => long.TryParse(label, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)),
            };
        string[] names = [.. labels.Distinct().Order(StringComparer.Ordinal)];
        return new RawLabels([.. labels.Select(label => (double)Array.BinarySearch(names, label, StringComparer.Ordinal))])
        {
            Names = names,
        };
    }
}
