namespace Fleet.Modeling.Data;

/// <summary>A table over time: numbers, and words where units or labels have names.</summary>
/// <param name="Path">File it came from.</param>
/// <param name="Columns">Names of the columns; numbers from 1 where there is no header.</param>
/// <param name="Values">All values, row by row; of a column of words their places among <see cref="Words"/>.</param>
internal sealed record SeriesTable(string Path, IReadOnlyList<string> Columns, float[] Values)
{
    private IReadOnlyList<(int Number, int Start, int End)>? _units;

    /// <summary>Rows.</summary>
    public int Rows => Values.Length / Columns.Count;

    /// <summary>The words of each column that does not hold numbers alone, by its place.</summary>
    public required IReadOnlyDictionary<int, IReadOnlyList<string>> Words { get; init; }

    /// <summary>The file that each row is of.</summary>
    public required IReadOnlyList<int> Files { get; init; }

    /// <summary>What a column of words holds in place of a number, and where, for messages.</summary>
    public required IReadOnlyDictionary<int, string> Faults { get; init; }

    /// <summary>Reads a table, or several of the same columns as one.</summary>
    /// <exception cref="FormatException">A line has another number of columns.</exception>
    public static SeriesTable Read(string path)
    {
        var table = TableFile.Read(path, null);
        if (table.Rows.Count == 0) throw new FormatException("it holds no rows of numbers");
        var values = new float[table.Rows.Count * table.Columns.Count];
        var (words, faults) = (new Dictionary<int, IReadOnlyList<string>>(), new Dictionary<int, string>());
        for (var place = 0; place < table.Columns.Count; place++)
        {
            var odd = -1;
            for (var row = 0; row < table.Rows.Count && odd < 0; row++)
            {
                if (table.TryNumber(table.Rows[row][place], out var value)) values[row * table.Columns.Count + place] = (float)value;
                else odd = row;
            }
            if (odd < 0) continue;
            faults[place] = $"{table.Where(odd)}, column '{table.Columns[place]}' holds '{table.Rows[odd][place]}', which is not a number";
            string[] names = [.. table.Rows.Select(row => row[place]).Distinct().Order(StringComparer.Ordinal)];
            words[place] = names;
            var places = names.Index().ToDictionary(name => name.Item, name => (float)name.Index, StringComparer.Ordinal);
            for (var row = 0; row < table.Rows.Count; row++) values[row * table.Columns.Count + place] = places[table.Rows[row][place]];
        }
        return new SeriesTable(path, table.Columns, values) { Words = words, Files = table.Files, Faults = faults };
    }

    /// <summary>A value.</summary>
    public float Value(int row, int place) => Values[row * Columns.Count + place];

    /// <summary>Place of a column, from 0.</summary>
    public int PlaceOf(string column) => Columns.ToList().IndexOf(column) is >= 0 and var place
        ? place
        : throw new FormatException($"it has no column '{column}'; its columns are {string.Join(", ", Columns)}");

    /// <summary>Place of a column of numbers.</summary>
    /// <exception cref="FormatException">There is none, or it holds words.</exception>
    public int PlaceOfNumbers(string column) => Faults.TryGetValue(PlaceOf(column), out var fault)
        ? throw new FormatException($"{fault}; leave the column out (data.series.without) or repair it") : PlaceOf(column);

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
    /// <param name="column">Column of units; null where each file is one, and a single file is cut into pieces.</param>
    /// <param name="piece">Rows of such a piece.</param>
    /// <exception cref="FormatException">The rows of a unit do not stand together.</exception>
    public IReadOnlyList<(int Number, int Start, int End)> Units(string? column, int piece)
        => _units ??= column is null ? [.. Files[^1] > 0 ? FindFiles() : Pieces(piece)] : [.. FindUnits(PlaceOf(column))];

    private IEnumerable<(int Number, int Start, int End)> Pieces(int rows)
    {
        // What is left over belongs to the last one: alone it could be shorter than a window.
        var count = Math.Max(1, Rows / rows);
        for (var number = 0; number < count; number++)
            yield return (number, number * rows, number == count - 1 ? Rows : (number + 1) * rows);
    }

    private IEnumerable<(int Number, int Start, int End)> FindFiles()
        => Files.Index().GroupBy(row => row.Item).Select((file, number) => (number, file.First().Index, file.Last().Index + 1));

    private IEnumerable<(int Number, int Start, int End)> FindUnits(int place)
    {
        var seen = new HashSet<(int, float)>();
        for (int start = 0, end; start < Rows; start = end)
        {
            var unit = (Files[start], Value(start, place));
            if (!seen.Add(unit))
                throw new FormatException(
                    $"the rows of unit {(Words.TryGetValue(place, out var names) ? names[(int)unit.Item2] : unit.Item2)} do not stand "
                        + "together; sort the table by unit and time");
            end = start + 1;
            while (end < Rows && (Files[end], Value(end, place)) == unit) end++;
            yield return (seen.Count - 1, start, end);
        }
    }
}
