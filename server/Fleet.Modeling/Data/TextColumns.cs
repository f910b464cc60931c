using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>Finds out which column of a table holds texts, and whether the table is of texts at all.</summary>
internal static class TextColumns
{
    /// <summary>Rows that are looked at: enough to tell sentences from words that repeat.</summary>
    private const int LookedAt = 2_000;

    /// <summary>Words of a value on average from which on values are texts: names of things mostly have one.</summary>
    private const double FewestWords = 1.5;

    /// <summary>The label column of samples that name none, and a usual name of the texts.</summary>
    private const string UsualLabel = "label", UsualText = "text";

    /// <summary>Of fewer rows different numbers lie close together by chance.</summary>
    private const int FewestCounted = 8;

    /// <summary>Share of rows that are left where a part was cut off at random.</summary>
    private const double KeptByCuts = 0.75;

    /// <summary>How columns are called that count rows.</summary>
    private static readonly HashSet<string> Counting = new(StringComparer.OrdinalIgnoreCase)
    {
        "", "id", "#", "index", "idx", "row", "no", "nr", "number", "key", "unnamed: 0",
    };

    /// <summary>
    /// A table of texts as kind <c>text</c>, with the columns of texts and labels named; null where it is a table of something else, or not
    /// readable, which who reads it then says better.
    /// </summary>
    public static DataSpec? Of(DataSpec spec)
    {
        if (spec is not { Table: null, LabelColumns: null, SampleShape: null, Layout: null, Split: null or "random" }) return null;
        try
        {
            return Named(spec, TableFile.Read(spec.Learned!, null, LookedAt), isText: false);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Data of kind <c>text</c> with the columns named that it leaves out; as it is where they are not of a table.</summary>
    /// <exception cref="BuildException">They cannot be told.</exception>
    public static DataSpec Named(DataSpec spec)
    {
        var path = spec.Learned!;
        if (spec is { Text.Column: not null } && (spec.LabelColumn is not null || spec.IsUnlabelled)) return spec;
        if (spec.Text is { TrainSplits: not null } or { TestSplits: not null }
            || TextFiles.IsDocument(DataFiles.Beginning(DataFiles.Each(path).FirstOrDefault(path))))
            return spec;
        try
        {
            var table = TableFile.Read(path, null, LookedAt);
            return Named(spec, table, isText: true) ?? throw new BuildException(
                $"{path} has the columns {string.Join(", ", table.Columns)}, and which of them holds texts cannot be told; name it in "
                    + "data.text.column.");
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }

    // Where the spec says that it is of texts, what else the table holds is not looked at.
    private static DataSpec? Named(DataSpec spec, TableFile table, bool isText)
    {
        var text = spec.Text?.Column;
        var label = spec.IsUnlabelled ? null : spec.LabelColumn ?? LabelOf(table, text);
        text ??= TextOf(table, [.. new[] { label, spec.GroupColumn }.OfType<string>()], isText);
        if (text is null) return null;
        if (label is null && !spec.IsUnlabelled)
            throw new BuildException($"{spec.Learned} has the columns {string.Join(", ", table.Columns)}; name the one that is to be "
                + "predicted in data.labelColumn.");
        return spec with { Kind = "text", LabelColumn = label, Text = (spec.Text ?? new TextSpec()) with { Column = text } };
    }

    // One that is called so; of two columns the one that holds no texts.
    private static string? LabelOf(TableFile table, string? text)
    {
        if (table.Columns.FirstOrDefault(column => column.Equals(UsualLabel, StringComparison.OrdinalIgnoreCase)) is { } usual)
            return usual;
        if (table.Columns.Count != 2) return null;
        var other = text ?? TextOf(table, [], isText: true);
        return table.Columns.FirstOrDefault(column => other is not null && column != other);
    }

    private static string? TextOf(TableFile table, IReadOnlyList<string> others, bool isText)
    {
        var found = new List<(string Name, double Length)>();
        foreach (var (place, name) in table.Columns.Index())
        {
            if (others.Contains(name)) continue;
            string[] given = [.. table.Rows.Select(row => row[place]).Where(field => !ColumnReader.IsMissing(field))];
            if (given.Length == 0) continue;
            if (HoldsTexts(table, name, given)) found.Add((name, given.Average(field => field.Length)));
            else if (!isText && SaysSomething(table, name, given)) return null;
        }
        return found.Count > 0 ? found.MaxBy(column => column.Length).Name : null;
    }

    private static bool HoldsTexts(TableFile table, string name, string[] given)
    {
        if (given.Count(field => table.TryNumber(field, out _)) * 2 > given.Length) return false;
        if (name.Equals(UsualText, StringComparison.OrdinalIgnoreCase)) return true;
        return given.Average(field => field.Count(char.IsWhiteSpace) + 1) >= FewestWords && HardlyRepeats(given)
            && CsvFiles.DateFormatOf(given) is null;
    }

    private static bool HardlyRepeats(string[] given) => 2 * given.Distinct(StringComparer.Ordinal).Count() > given.Length;

    // Numbers that count the rows, names of things, days, and what is the same in all rows say nothing beside a text.
    private static bool SaysSomething(TableFile table, string name, string[] given)
    {
        var different = given.Distinct(StringComparer.Ordinal).Count();
        if (different == 1) return false;
        if (Array.TrueForAll(given, field => table.TryNumber(field, out _)))
            return different < given.Length || !CountsRows(name, given);
        return !HardlyRepeats(given);
    }

    // Whole numbers of which no two are the same count rows where they are called so, or fill the range between the least and the largest
    // but for what a cut took. Others, such as salaries, are measured.
    private static bool CountsRows(string name, string[] given)
    {
        var numbers = new long[given.Length];
        for (var row = 0; row < given.Length; row++)
        {
            if (!long.TryParse(given[row], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out numbers[row])) return false;
        }
        if (Counting.Contains(name) || name.EndsWith("_id", StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(" id", StringComparison.OrdinalIgnoreCase) || name.EndsWith("Id", StringComparison.Ordinal)
            || name.EndsWith("ID", StringComparison.Ordinal))
            return true;
        return numbers.Length >= FewestCounted && (double)numbers.Max() - numbers.Min() < numbers.Length / KeptByCuts;
    }
}
