using System.Globalization;
using System.Text;

namespace Fleet.Modeling.Data;

/// <summary>Samples from a CSV file with a header: one sample a line, every column but the label's a number.</summary>
internal static class CsvFiles
{
    /// <param name="path">The file.</param>
    /// <param name="labelColumns">Names of the columns that hold labels.</param>
    public static RawSamples Read(string path, IReadOnlyList<string> labelColumns)
    {
        using var reader = new StreamReader(new MemoryStream(DataFiles.Read(path)), Encoding.UTF8);
        try
        {
            return Read(path, labelColumns, CsvReader.Read(reader));
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }

    /// <summary>Names of the columns.</summary>
    public static IReadOnlyList<string> ColumnsOf(string path)
    {
        using var reader = new StreamReader(new MemoryStream(DataFiles.Read(path)), Encoding.UTF8);
        try
        {
            return CsvReader.Read(reader).Take(1).SelectMany(record => record.Fields).Select(field => field.Trim()).ToArray();
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }

    private static RawSamples Read(
        string path, IReadOnlyList<string> labelColumns, IEnumerable<(int Line, IReadOnlyList<string> Fields)> records)
    {
        string[]? header = null;
        int[] places = [];
        var inputs = new List<float>();
        var labels = new List<string>();
        foreach (var (line, fields) in records)
        {
            if (header is null)
            {
                header = [.. fields.Select(field => field.Trim())];
                places = [.. labelColumns.Select(column => PlaceOf(column, header))];
                if (header.Length <= places.Length) throw new FormatException("it has no column beside the labels");
                continue;
            }
            if (fields.Count != header.Length)
                throw new FormatException($"line {line} has {fields.Count} fields where the header has {header.Length}");
            foreach (var place in places)
            {
                if (fields[place].Trim() is not { Length: > 0 } label)
                    throw new FormatException($"line {line} has no label in column '{header[place]}'");
                labels.Add(label);
            }
            for (var column = 0; column < fields.Count; column++)
            {
                if (places.Contains(column)) continue;
                if (!float.TryParse(fields[column], NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
                    throw new FormatException($"line {line}, column '{header[column]}' holds '{fields[column]}', which is not a number");
                inputs.Add(value);
            }
        }
        if (header is null) throw new FormatException("it is empty; a header line with column names is needed");
        return new RawSamples(path, [.. inputs], [header.Length - places.Length], RawLabels.Of(labels) with { Columns = places.Length })
        {
            ChannelNames = [.. header.Where((_, place) => !places.Contains(place))],
        };
    }

    private static int PlaceOf(string column, string[] header) => Array.IndexOf(header, column) is >= 0 and var place
        ? place
        : throw new FormatException($"it has no column '{column}' (data.labelColumn); its columns are {string.Join(", ", header)}");
}
