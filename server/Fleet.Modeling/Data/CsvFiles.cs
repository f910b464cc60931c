using System.Globalization;
using System.Text;

namespace Fleet.Modeling.Data;

/// <summary>Samples from a CSV file with a header: one sample a line, every column but the label's a number.</summary>
internal static class CsvFiles
{
    public static RawSamples Read(string path, string labelColumn)
    {
        using var reader = new StreamReader(new MemoryStream(DataFiles.Read(path)), Encoding.UTF8);
        try
        {
            return Read(path, labelColumn, CsvReader.Read(reader));
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }

    private static RawSamples Read(string path, string labelColumn, IEnumerable<(int Line, IReadOnlyList<string> Fields)> records)
    {
        IReadOnlyList<string>? header = null;
        var label = -1;
        var inputs = new List<float>();
        var labels = new List<string>();
        foreach (var (line, fields) in records)
        {
            if (header is null)
            {
                header = [.. fields.Select(field => field.Trim())];
                label = header.ToList().IndexOf(labelColumn);
                if (label < 0) throw new FormatException($"it has no column '{labelColumn}' (data.labelColumn); its columns are {string.Join(", ", header)}");
                if (header.Count < 2) throw new FormatException("it has no column beside the labels");
                continue;
            }
            if (fields.Count != header.Count) throw new FormatException($"line {line} has {fields.Count} fields where the header has {header.Count}");
            for (var column = 0; column < fields.Count; column++)
            {
                if (column == label) labels.Add(fields[column].Trim());
                else if (float.TryParse(fields[column], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) inputs.Add(value);
                else throw new FormatException($"line {line}, column '{header[column]}' holds '{fields[column]}', which is no number");
            }
        }
        if (header is null) throw new FormatException("it is empty; a header line with column names is needed");
        var (numbers, names) = LabelNames.Number(labels);
        return new RawSamples(path, [.. inputs], [header.Count - 1], numbers, names);
    }
}
