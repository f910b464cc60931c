using System.Text;

namespace Fleet.Modeling.Data;

/// <summary>
/// Records of a CSV file after RFC 4180: fields in double quotes may hold commas, line breaks and doubled quotes; lines end
/// with LF or CRLF. Empty lines are skipped.
/// </summary>
internal static class CsvReader
{
    /// <summary>Reads record by record.</summary>
    /// <param name="reader">The file.</param>
    /// <param name="separator">What stands between fields.</param>
    /// <returns>The line each record begins at, from 1, and its fields.</returns>
    /// <exception cref="FormatException">A quote is never closed, or stands inside an unquoted field.</exception>
    public static IEnumerable<(int Line, IReadOnlyList<string> Fields)> Read(TextReader reader, char separator = ',')
    {
        var field = new StringBuilder();
        var fields = new List<string>();
        int line = 1, start = 1;
        while (reader.Peek() >= 0)
        {
            var ended = ReadField(reader, separator, field, ref line);
            fields.Add(field.ToString());
            field.Clear();
            if (!ended) continue;
            if (fields.Count > 1 || fields[0].Length > 0) yield return (start, [.. fields]);
            fields.Clear();
            start = line;
        }
        // The file ended behind a comma: one more field, empty.
        if (fields.Count > 0) yield return (start, [.. fields, ""]);
    }

    // Reads one field and what ends it; true when that was the end of the record.
    private static bool ReadField(TextReader reader, char separator, StringBuilder field, ref int line)
    {
        var opened = line;
        var quoted = reader.Peek() == '"';
        if (quoted) reader.Read();
        var inside = quoted;
        while (true)
        {
            var next = reader.Read();
            switch (next)
            {
                case < 0 when inside: throw new FormatException($"the quote opened in line {opened} is never closed");
                case < 0: return true;
                case '"' when inside && reader.Peek() == '"':
                    field.Append((char)reader.Read());
                    break;
                case '"' when inside:
                    inside = false;
                    break;
                case '"': throw new FormatException($"line {line} has a quote inside a field that does not begin with one");
                case >= 0 when next == separator && !inside: return false;
                case '\r' when !inside && reader.Peek() == '\n': break;
                case '\n' when !inside:
                    line++;
                    return true;
                default:
                    if (quoted && !inside) throw new FormatException($"line {line} has text behind a closed quote");
                    if (next == '\n') line++;
                    field.Append((char)next);
                    break;
            }
        }
    }
}
