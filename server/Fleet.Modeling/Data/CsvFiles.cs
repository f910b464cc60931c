using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>Samples from a table: one sample a line. What its columns hold is found out; see <see cref="TablePlanning"/>.</summary>
internal static class CsvFiles
{
    /// <summary>Share of numbers in a column from which a word in it is a mistake, not a category.</summary>
    private const double MostlyNumbers = 0.9;

    /// <summary>Words of a column from which on it is left out when hardly two rows have the same: names and numbers of things.</summary>
    private const int ManyWords = 64;

    private static readonly string[] DayFormats = ["yyyy-MM-dd", "yyyy/MM/dd", "dd.MM.yyyy", "MM/dd/yyyy", "dd/MM/yyyy"];
    private static readonly string[] TimeFormats = [
        "", " HH:mm", " HH:mm:ss", "'T'HH:mm", "'T'HH:mm:ss", "'T'HH:mm:ssK", "'T'HH:mm:ss.FFFFFFFK", " HH:mm:ss.FFFFFFF",
    ];

    private static readonly string[] Formats = [.. DayFormats.SelectMany(day => TimeFormats.Select(time => day + time))];

    /// <param name="path">The file.</param>
    /// <param name="labelColumns">Names of the columns that hold labels.</param>
    /// <param name="spec">How it is read; null for the defaults.</param>
    /// <param name="learned">Columns of the training table; null for that table itself.</param>
    /// <param name="groupColumn">Name of the column that says which thing a sample is of; null for none.</param>
    /// <param name="labelled">False: the label columns need not be in it, and are not looked at.</param>
    /// <param name="mayBeEmpty">True: an empty field is a sample without any of the labels.</param>
    public static RawSamples Read(
        string path, IReadOnlyList<string> labelColumns, TableSpec? spec = null, IReadOnlyList<TableColumn>? learned = null,
        string? groupColumn = null, bool labelled = true, bool mayBeEmpty = false)
    {
        spec ??= new TableSpec();
        return Guarded(path, () =>
        {
            var table = TableFile.Read(path, spec.Header);
            int[] places = [
                .. labelColumns.Where(column => labelled || table.Columns.Contains(column))
                    .Select(column => table.PlaceOf(column, "data.labelColumn")),
            ];
            var labels = !labelled ? [] : table.Rows.Index().SelectMany(row => places.Select(place
                => row.Item[place].Length > 0 || mayBeEmpty ? row.Item[place]
                : throw new FormatException($"{table.Where(row.Index)} has no label in column '{table.Columns[place]}'; give it "
                    + "one, or remove the line" + (table.Rows.Any(other => other[place].AsSpan().IndexOfAny(';', '|') >= 0)
                        ? "; where samples have several labels or none, data.task: multiLabel says so" : "")))).ToList();
            var group = groupColumn is null || !labelled ? -1 : table.PlaceOf(groupColumn, "data.groupColumn");
            if (groupColumn is not null) spec = spec with { Without = [.. spec.Without, groupColumn] };
            var notes = new List<string>();
            var columns = learned ?? [.. Columns(table, places, spec, notes)];
            if (columns.Count == 0)
                throw new FormatException(table.Rows.Count == 0 ? "it holds no samples: there is no line behind its header"
                    : "it has no column beside the labels that says anything: words that hardly two rows share are left out; name a "
                        + "column of texts in data.text.column");
            var inputs = Codes(table, columns);
            return new RawSamples(path, inputs, [columns.Count],
                labelled ? RawLabels.Of(labels) with { Columns = places.Length } : RawLabels.None(table.Rows.Count))
            {
                Table = columns,
                Places = table.Where,
                Origins = group < 0 ? null : RawSamples.Numbered([.. table.Rows.Select(row => row[group])]),
                Notes = notes,
            };
        });
    }

    /// <summary>Names of the columns.</summary>
    public static IReadOnlyList<string> ColumnsOf(string path) => Guarded(path, () => TableFile.Read(path, null).Columns);

    /// <summary>How all of these fields are written as dates; null where they are something else.</summary>
    public static string? DateFormatOf(string[] fields)
        => Array.Find(Formats, format => Array.TrueForAll(fields, field => ColumnReader.TryDate(field, format, out _)));

    private static IEnumerable<TableColumn> Columns(TableFile table, int[] labels, TableSpec spec, List<string> notes)
    {
        foreach (var name in spec.Without) table.PlaceOf(name, "data.table.without");
        foreach (var name in spec.Categories) table.PlaceOf(name, "data.table.categories");
        foreach (var (place, name) in table.Columns.Index())
        {
            if (labels.Contains(place) || spec.Without.Contains(name)) continue;
            (int Row, string Field)[] given = [
                .. table.Rows.Index().Select(row => (row.Index, row.Item[place])).Where(row => !ColumnReader.IsMissing(row.Item2)),
            ];
            if (given.Length == 0)
            {
                if (table.Rows.Count > 0) notes.Add($"Column '{name}' is left out: no row holds a value in it.");
                continue;
            }
            var isCategory = spec.Categories.Contains(name) || table.Categories.Contains(name);
            var numbers = isCategory ? 0 : given.Count(row => table.TryNumber(row.Field, out _));
            if (numbers == given.Length)
            {
                yield return new TableColumn
                {
                    Name = name,
                    Kind = TableColumnKind.Number,
                    HasDecimalCommas = table.HasDecimalCommas ? true : null,
                };
                continue;
            }
            if (numbers >= MostlyNumbers * given.Length)
            {
                var (row, word) = given.First(row => !table.TryNumber(row.Field, out _));
                throw new FormatException($"{table.Where(row)}, column '{name}' holds '{word}', which is not a number as in other "
                    + "lines; leave a missing value empty, or name the column in data.table.categories if it holds words");
            }
            if (!isCategory && DateFormatOf([.. given.Select(row => row.Field)]) is { } written)
            {
                yield return new TableColumn { Name = name, Kind = TableColumnKind.Date, Format = written };
                continue;
            }
            string[] words = [.. given.Select(row => row.Field).Distinct().Order(StringComparer.Ordinal)];
            if (words.Length > ManyWords && 2 * words.Length > given.Length)
                notes.Add($"Column '{name}' is left out: it holds {words.Length:N0} different words in {given.Length:N0} rows, such as "
                    + $"'{words[0]}'." + (words.Any(word => word.Contains(' ', StringComparison.Ordinal))
                        ? $" A model reads it in place of the other columns where data.text.column is '{name}'." : ""));
            else yield return new TableColumn { Name = name, Kind = TableColumnKind.Category, Words = words };
        }
    }

    // A number for each field: itself, the place of a word, or days; not a number where it is missing or a word is not known.
    private static float[] Codes(TableFile table, IReadOnlyList<TableColumn> columns)
    {
        int[] places = [.. columns.Select(column => table.PlaceOf(column.Name, "as the training table has"))];
        ColumnReader[] readers = [.. columns.Select(column => new ColumnReader(column))];
        if ((long)table.Rows.Count * columns.Count > Array.MaxLength)
            throw new FormatException("it has more values than one array can hold; give fewer rows or columns");
        var codes = new float[table.Rows.Count * columns.Count];
        foreach (var (row, fields) in table.Rows.Index())
        {
            foreach (var (at, reader) in readers.Index())
            {
                try
                {
                    codes[row * columns.Count + at] = reader.Code(fields[places[at]], table.HasDecimalCommas);
                }
                catch (FormatException e)
                {
                    throw new FormatException($"{table.Where(row)}, {e.Message}", e);
                }
            }
        }
        return codes;
    }

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }
}
