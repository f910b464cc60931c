using System.Globalization;
using System.Text;

namespace Fleet.Modeling.Data;

/// <summary>A table of numbers: columns apart by commas or blanks, with a header or without.</summary>
/// <param name="Path">File it came from.</param>
/// <param name="Columns">Names of the columns; numbers from 1 where there is no header.</param>
/// <param name="Values">All values, row by row.</param>
internal sealed record SeriesTable(string Path, IReadOnlyList<string> Columns, float[] Values)
{
    private static readonly char[] Blanks = [' ', '\t'];

    private IReadOnlyList<(int Number, int Start, int End)>? _units;

    /// <summary>Rows.</summary>
    public int Rows => Values.Length / Columns.Count;

    /// <summary>Reads a table.</summary>
    /// <exception cref="FormatException">A line has another number of columns, or holds something that is not a number.</exception>
    public static SeriesTable Read(string path)
    {
        using var reader = new StreamReader(new MemoryStream(DataFiles.Read(path)), Encoding.UTF8);
        string[]? columns = null;
        var values = new List<float>();
        for (var line = 1; reader.ReadLine() is { } text; line++)
        {
            string[] fields = Fields(text);
            if (fields.Length == 0) continue;
            if (columns is null)
            {
                var headed = !fields.All(field => TryRead(field, out _));
                columns = headed
                    ? fields
                    : [.. Enumerable.Range(1, fields.Length).Select(number => number.ToString(CultureInfo.InvariantCulture))];
                if (headed) continue;
            }
            if (fields.Length != columns.Length)
                throw new FormatException($"line {line} has {fields.Length} columns where the first has {columns.Length}");
            foreach (var (place, field) in fields.Index())
                values.Add(TryRead(field, out var value)
                    ? value
                    : throw new FormatException($"line {line}, column '{columns[place]}' holds '{field}', which is not a number"));
        }
        return columns is not null && values.Count > 0
            ? new SeriesTable(path, columns, [.. values])
            : throw new FormatException("it holds no rows of numbers");
    }

    /// <summary>A value.</summary>
    public float Value(int row, int place) => Values[row * Columns.Count + place];

    /// <summary>Place of a column, from 0.</summary>
    public int PlaceOf(string column) => Columns.ToList().IndexOf(column) is >= 0 and var place
        ? place
        : throw new FormatException($"it has no column '{column}'; its columns are {string.Join(", ", Columns)}");

    /// <summary>True when not all rows hold the same in a column.</summary>
    public bool Changes(int place)
    {
        for (var row = 1; row < Rows; row++)
        {
            if (Value(row, place) != Value(0, place)) return true;
        }
        return false;
    }

    /// <summary>The units, counted from 0, with their first row and the row behind their last.</summary>
    /// <exception cref="FormatException">The rows of a unit do not stand together.</exception>
    public IReadOnlyList<(int Number, int Start, int End)> Units(string column) => _units ??= [.. FindUnits(PlaceOf(column))];

    private IEnumerable<(int Number, int Start, int End)> FindUnits(int place)
    {
        var seen = new HashSet<float>();
        for (int start = 0, end; start < Rows; start = end)
        {
            var unit = Value(start, place);
            if (!seen.Add(unit))
                throw new FormatException($"the rows of unit {unit} do not stand together; sort the table by unit and time");
            end = start + 1;
            while (end < Rows && Value(end, place) == unit) end++;
            yield return (seen.Count - 1, start, end);
        }
    }

    private static string[] Fields(string text) => text.Contains(',', StringComparison.Ordinal)
        ? text.Split(',', StringSplitOptions.TrimEntries)
        : text.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);

    private static bool TryRead(string field, out float value)
        => float.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}
