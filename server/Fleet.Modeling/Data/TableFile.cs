using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>Rows of words, as a file has them.</summary>
/// <param name="Columns">Names of the columns; numbers from 1 where there is no header.</param>
/// <param name="Rows">Fields of each row, without blanks around them.</param>
/// <param name="Lines">The line that each row begins at, from 1.</param>
/// <param name="Files">The file that each row is of, by its place among those that were read.</param>
internal sealed record TableFile(
    IReadOnlyList<string> Columns, IReadOnlyList<string[]> Rows, IReadOnlyList<int> Lines, IReadOnlyList<int> Files)
{
    private static readonly char[] Separators = [',', '\t', ';', '|'];

    /// <summary>True where commas stand in numbers: only where semicolons stand between fields.</summary>
    public bool HasDecimalCommas { get; init; }

    /// <summary>Columns that the file itself says to hold words, whatever they look like.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Names of the files, where there are several.</summary>
    private IReadOnlyList<string> FileNames { get; init; } = [];

    /// <summary>Reads a table, or several of the same columns as one.</summary>
    /// <param name="path">A file, or a pattern of several.</param>
    /// <param name="header">Whether the first line names the columns; null to find out.</param>
    /// <param name="most">Most rows of each file.</param>
    /// <inheritdoc cref="ReadOne" path="/exception"/>
    public static TableFile Read(string path, bool? header, int most = int.MaxValue)
    {
        var paths = DataFiles.Each(path);
        if (paths.Count < 2) return ReadOne(paths.FirstOrDefault(path), header, most);
        TableFile[] tables = [.. paths.Select(each => ReadNamed(each, header, most))];
        foreach (var (file, table) in tables.Index())
        {
            if (!table.Columns.SequenceEqual(tables[0].Columns))
                throw new FormatException($"{Path.GetFileName(paths[file])} has the columns {table.Named()}, and "
                    + $"{Path.GetFileName(paths[0])} has {tables[0].Named()}; they must be the same, in the same order");
        }
        return tables[0] with
        {
            Rows = [.. tables.SelectMany(table => table.Rows)],
            Lines = [.. tables.SelectMany(table => table.Lines)],
            Files = [.. tables.Index().SelectMany(table => Enumerable.Repeat(table.Index, table.Item.Rows.Count))],
            FileNames = [.. paths.Select(each => Path.GetFileName(each))],
        };
    }

    /// <summary>Where a row stands, for messages.</summary>
    public string Where(int row) => FileNames.Count == 0 ? $"line {Lines[row]}" : $"{FileNames[Files[row]]}, line {Lines[row]}";

    private static TableFile ReadNamed(string path, bool? header, int most)
    {
        try
        {
            return ReadOne(path, header, most);
        }
        catch (FormatException e)
        {
            throw new FormatException($"{Path.GetFileName(path)}: {e.Message}", e);
        }
    }

    /// <summary>Reads a table: what stands between its fields is found out, and whether its first line names them.</summary>
    /// <exception cref="FormatException">Its lines do not have the same number of fields, or a quote is not closed.</exception>
    private static TableFile ReadOne(string path, bool? header, int most)
    {
        var bytes = DataFiles.Read(path);
        if (ParquetTable.Is(bytes)) return ParquetTable.Read(bytes);
        if (ArffTable.Is(DataFiles.WithoutMark(bytes))) return ArffTable.Read(bytes, most);
        using var reader = new StreamReader(new MemoryStream(bytes), Encoding.UTF8);
        var text = reader.ReadToEnd();
        if (text.AsSpan().TrimStart() is ['{', ..]) return OfJsonLines(text, most);
        var separator = SeparatorOf(text);
        string[]? columns = null;
        var isHeader = true;
        var (rows, lines) = (new List<string[]>(), new List<int>());
        foreach (var (line, read) in Records(text, separator))
        {
            string[] fields = [.. read.Select(field => field.Trim())];
            if (columns is null)
            {
                isHeader = header ?? !fields.Any(field => IsNumber(field));
                columns = isHeader
                    ? fields : [.. Enumerable.Range(1, fields.Length).Select(number => number.ToString(CultureInfo.InvariantCulture))];
                if (isHeader) continue;
            }
            if (fields.Length != columns.Length)
                throw new FormatException($"line {line} has {fields.Length} fields where the {(isHeader ? "header" : "first line")} has "
                    + $"{columns.Length}");
            if (rows.Count == most) break;
            rows.Add(fields);
            lines.Add(line);
        }
        return columns is null
            ? throw new FormatException("it is empty; a header line with column names is needed")
            : new TableFile(columns, rows, lines, new int[rows.Count]) { HasDecimalCommas = separator is ';' };
    }

    /// <summary>A number, with a comma where the file has commas in numbers.</summary>
    public bool TryNumber(string field, out double value) => ColumnReader.TryNumber(field, HasDecimalCommas, out value);

    /// <summary>Place of a column.</summary>
    /// <exception cref="FormatException">There is none of that name.</exception>
    public int PlaceOf(string column, string key) => Columns.ToList().IndexOf(column) is >= 0 and var place
        ? place
        : throw new FormatException($"it has no column '{column}' ({key}); its columns are {Named()}");

    private string Named() => string.Join(", ", Columns.Take(40)) + (Columns.Count > 40 ? $" and {Columns.Count - 40} more" : "");

    private static bool IsNumber(string field)
        => double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value);

    // Of the first line that holds something, outside quotes. Without any of them fields are apart by blanks.
    private static char SeparatorOf(string text)
    {
        var first = text.AsSpan().TrimStart("\r\n\ufeff");
        first = first[..(first.IndexOf('\n') is >= 0 and var end ? end : first.Length)];
        var (counts, isQuoted) = (new int[Separators.Length], false);
        foreach (var character in first)
        {
            if (character == '"') isQuoted = !isQuoted;
            else if (!isQuoted && Array.IndexOf(Separators, character) is >= 0 and var place) counts[place]++;
        }
        return counts.Max() > 0 ? Separators[Array.IndexOf(counts, counts.Max())] : first.Trim().Contains(' ') ? ' ' : ',';
    }

    private static IEnumerable<(int Line, IReadOnlyList<string> Fields)> Records(string text, char separator) => separator switch
    {
        ' ' => Apart(text, line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)),
        '\t' when !IsQuoted(text) => Apart(text, line => line.TrimEnd('\r') is { Length: > 0 } fields ? fields.Split('\t') : []),
        _ => CsvReader.Read(new StringReader(text), separator),
    };

    private static IEnumerable<(int Line, IReadOnlyList<string> Fields)> Apart(string text, Func<string, string[]> fieldsOf)
        => text.Split('\n').Index().Select(line => (line.Index + 1, (IReadOnlyList<string>)fieldsOf(line.Item)))
            .Where(record => record.Item2.Count > 0);

    // Between tabs most programs write quotes as they are: where they do not open and close fields they are text.
    private static bool IsQuoted(string text)
    {
        if (!text.Contains('"', StringComparison.Ordinal)) return false;
        try
        {
            // To the end: one field that does not close its quotes makes them text.
            var records = CsvReader.Read(new StringReader(text), '\t').Count();
            // Quotes of several lines that happen to pair swallow the lines between them. Where each line has as many fields as all others
            // when they are text, they are text.
            string[] lines = [.. text.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0)];
            return records == lines.Length || lines.DistinctBy(line => line.Count(letter => letter == '\t')).Count() > 1;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static TableFile OfJsonLines(string text, int most)
    {
        var (columns, rows, lines) = (new List<string>(), new List<string[]>(), new List<int>());
        foreach (var (index, line) in text.Split('\n').Index().Where(line => !string.IsNullOrWhiteSpace(line.Item)).Take(most))
        {
            try
            {
                using var json = JsonDocument.Parse(line);
                if (columns.Count == 0) columns = [.. json.RootElement.EnumerateObject().Select(property => property.Name)];
                var fields = new string[columns.Count];
                Array.Fill(fields, "");
                foreach (var property in json.RootElement.EnumerateObject())
                {
                    if (columns.IndexOf(property.Name) is not (>= 0 and var place))
                        throw new FormatException($"line {index + 1} has the key '{property.Name}', which the first line has not");
                    fields[place] = property.Value.ValueKind is JsonValueKind.Array or JsonValueKind.Object
                        ? throw new FormatException($"line {index + 1} holds a list or object at '{property.Name}'; give numbers and words")
                        : RowReader.FieldOf(property.Value);
                }
                rows.Add(fields);
                lines.Add(index + 1);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw new FormatException($"line {index + 1} is not an object of JSON: {e.Message.TrimEnd('.')}", e);
            }
        }
        return new TableFile(columns, rows, lines, new int[rows.Count]);
    }
}
