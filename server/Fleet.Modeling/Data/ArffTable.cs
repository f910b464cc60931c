using System.Globalization;
using System.Text;

namespace Fleet.Modeling.Data;

/// <summary>
/// A table as Weka keeps it: attributes with names and types, then a row a line, or only what is not zero of it in braces
/// (https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/). The same form holds series in the archives of UEA and UCR.
/// </summary>
internal static class ArffTable
{
    private const string Missing = "?";

    private static readonly string[] Numbers = ["numeric", "real", "integer"];

    /// <summary>
    /// True for what begins as such a file: with its name or an attribute, behind comments, of which some are longer than a beginning is.
    /// </summary>
    public static bool Is(ReadOnlySpan<byte> begin)
    {
        var isArff = false;
        foreach (var range in begin.Split((byte)'\n'))
        {
            var line = begin[range].TrimStart(" \t\r"u8);
            if (line.IsEmpty) continue;
            isArff = Begins(line, "@relation") || Begins(line, "@attribute") || line[0] == (byte)'%';
            if (line[0] != (byte)'%') break;
        }
        return isArff;
    }

    /// <summary>
    /// True where each row is a sample over time: a list of channels, or numbers whose names count on, as <c>att1</c>, <c>att2</c>, and a
    /// class behind them.
    /// </summary>
    /// <exception cref="BuildException">The file cannot be read, or says no attributes.</exception>
    public static bool IsSeries(string path)
    {
        try
        {
            var line = 0;
            using var reader = Reader(DataFiles.Read(path));
            var attributes = AttributesOf(reader, ref line);
            if (attributes.Exists(attribute => attribute.Type == "relational")) return true;
            string[] names = [.. attributes.SkipLast(1).Select(attribute => attribute.Name)];
            return names.Length > 2 && attributes.SkipLast(1).All(attribute => Numbers.Contains(attribute.Type))
                && names.Skip(1).Zip(names, CountsOn).All(countsOn => countsOn);
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }

    /// <summary>Reads a table; a value that is missing is an empty field.</summary>
    /// <param name="file">The file.</param>
    /// <param name="most">Most rows.</param>
    /// <exception cref="FormatException">A line is not of the form, or holds a word that its attribute does not have.</exception>
    public static TableFile Read(byte[] file, int most)
    {
        var line = 0;
        using var reader = Reader(file);
        var attributes = AttributesOf(reader, ref line);
        if (attributes.Find(attribute => attribute.Type == "relational") is { } list)
            throw new FormatException($"attribute '{list.Name}' holds a table in each row, which data.kind 'arff' reads as a series");
        var (rows, lines) = (new List<string[]>(), new List<int>());
        while (rows.Count < most && reader.ReadLine() is { } text)
        {
            line++;
            var row = text.Trim();
            if (row.Length == 0 || row[0] == '%') continue;
            rows.Add(row[0] == '{' ? Sparse(row, attributes, line) : Dense(row, attributes, line));
            lines.Add(line);
        }
        return new TableFile([.. attributes.Select(attribute => attribute.Name)], rows, lines, new int[rows.Count])
        {
            Categories = [.. attributes.Where(attribute => attribute.Words is not null).Select(attribute => attribute.Name)],
        };
    }

    private static StreamReader Reader(byte[] file) => new(new MemoryStream(file), Encoding.UTF8);

    private static bool Begins(ReadOnlySpan<byte> line, string word)
        => line.Length > word.Length && Encoding.UTF8.GetString(line[..word.Length]).Equals(word, StringComparison.OrdinalIgnoreCase);

    private static bool CountsOn(string next, string name)
    {
        var stem = name.TrimEnd("0123456789".ToCharArray());
        return next.StartsWith(stem, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(stem.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && int.TryParse(next.AsSpan(stem.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var following)
            && following == number + 1;
    }

    /// <summary>The attributes, read up to the line behind which rows begin.</summary>
    private static List<Attribute> AttributesOf(StreamReader reader, ref int line)
    {
        const string Word = "@attribute";
        var attributes = new List<Attribute>();
        while (reader.ReadLine()?.Trim() is { } text)
        {
            line++;
            if (text.Equals("@data", StringComparison.OrdinalIgnoreCase))
                return attributes.Count > 0 ? attributes : throw new FormatException("it has no @attribute before @data");
            if (!text.StartsWith(Word, StringComparison.OrdinalIgnoreCase)) continue;
            var place = Word.Length;
            var name = Field(text, ref place, line, char.IsWhiteSpace);
            var type = text[Math.Min(place, text.Length)..].Trim();
            if (name.Length == 0 || type.Length == 0) throw new FormatException($"line {line} has an attribute without a name or type");
            attributes.Add(type[0] == '{'
                ? new Attribute(name, "nominal", WordsOf(type, line))
                : new Attribute(name, type.Split((char[]?)null, 2)[0].ToLowerInvariant(), null));
        }
        throw new FormatException("it has no line @data");
    }

    private static List<string> WordsOf(string type, int line)
    {
        var end = type.LastIndexOf('}');
        return end < 0 ? throw new FormatException($"line {line} has a list of words without its '}}'") : Fields(type[1..end], line);
    }

    private static string[] Dense(string row, List<Attribute> attributes, int line)
    {
        var fields = Fields(row, line);
        return fields.Count == attributes.Count
            ? [.. attributes.Zip(fields, (attribute, field) => Known(attribute, field, line))]
            : throw new FormatException($"line {line} has {fields.Count} fields where there are {attributes.Count} attributes");
    }

    // What is left out is zero, and of words the first one.
    private static string[] Sparse(string row, List<Attribute> attributes, int line)
    {
        string[] fields = [.. attributes.Select(attribute => attribute.Words is [var word, ..] ? word : "0")];
        if (row[^1] != '}') throw new FormatException($"line {line} has no '}}' at its end");
        row = row[..^1].TrimEnd();
        for (var place = 1; place < row.Length; place++)
        {
            var number = Field(row, ref place, line, char.IsWhiteSpace);
            if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var at) || at >= attributes.Count)
                throw new FormatException($"line {line} has '{number}' where the number of an attribute is, 0 to {attributes.Count - 1}");
            fields[at] = Known(attributes[at], Field(row, ref place, line, letter => letter == ','), line);
        }
        return fields;
    }

    private static string Known(Attribute attribute, string field, int line)
        => field == Missing ? ""
            : attribute.Words?.Contains(field) != false ? field
            : throw new FormatException($"line {line} has '{field}' at attribute '{attribute.Name}', which is one of "
                + $"{string.Join(", ", attribute.Words.Take(12))}{(attribute.Words.Count > 12 ? ", ..." : "")}");

    private static List<string> Fields(string row, int line)
    {
        var fields = new List<string>();
        for (var place = 0; place <= row.Length; place++) fields.Add(Field(row, ref place, line, letter => letter == ','));
        return fields;
    }

    /// <summary>One field, and the place of what ends it; quotes may stand around it, and a backslash before what would end it.</summary>
    private static string Field(string row, ref int place, int line, Func<char, bool> ends)
    {
        while (place < row.Length && char.IsWhiteSpace(row[place])) place++;
        var quote = place < row.Length && row[place] is '\'' or '"' ? row[place++] : '\0';
        var field = new StringBuilder();
        for (; place < row.Length && (quote == '\0' ? !ends(row[place]) : row[place] != quote); place++)
        {
            field.Append(row[place] != '\\' || place + 1 == row.Length ? row[place] : row[++place] switch
            {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                var letter => letter,
            });
        }
        if (quote == '\0') return field.ToString().Trim();
        if (place++ >= row.Length) throw new FormatException($"the quote opened in line {line} is never closed");
        while (place < row.Length && char.IsWhiteSpace(row[place]) && !ends(row[place])) place++;
        return place >= row.Length || ends(row[place]) ? field.ToString()
            : throw new FormatException($"line {line} has text behind a closed quote");
    }

    /// <summary>A column.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Type">Its type.</param>
    /// <param name="Words">What it may hold; null where that is not said.</param>
    private sealed record Attribute(string Name, string Type, List<string>? Words);
}
