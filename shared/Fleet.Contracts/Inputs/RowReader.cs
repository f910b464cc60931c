using System.Text.Json;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>Makes a sample of a row that an application has: an object of JSON whose keys are the columns of the training table.</summary>
public sealed class RowReader : IInstanceReader
{
    private readonly ColumnReader[] _columns;
    private readonly Dictionary<string, int> _places;

    /// <param name="plan">How rows became samples in training.</param>
    public RowReader(TablePlan plan)
    {
        _columns = [.. plan.Columns.Select(column => new ColumnReader(column))];
        _places = plan.Columns.Index().ToDictionary(column => column.Item.Name, column => column.Index, StringComparer.Ordinal);
        Width = _columns.Sum(column => column.Width);
    }

    /// <inheritdoc/>
    public int Width { get; }

    /// <summary>
    /// Makes the values of a row. A value that is null, empty or one of the words for it is missing, and becomes what it became in
    /// training; so does a word that no training sample held. Keys that are no columns of the model are passed over.
    /// </summary>
    /// <param name="instance">The row.</param>
    /// <param name="values">Where the values go, <see cref="Width"/> of them; zeros.</param>
    /// <returns>Names of the columns that hold a word which is not known.</returns>
    /// <exception cref="FormatException">
    /// It is not an object, has no value for a column, or one that is not what the column holds.
    /// </exception>
    public IReadOnlyList<string> Read(JsonElement instance, Span<float> values)
    {
        if (instance.ValueKind != JsonValueKind.Object)
            throw new FormatException($"it must be an object with a key for each column ({Named(_columns)}), as {Example()}");
        var fields = new string?[_columns.Length];
        foreach (var property in instance.EnumerateObject())
        {
            if (!_places.TryGetValue(property.Name, out var place)) continue;
            if (fields[place] is not null) throw new FormatException($"column '{property.Name}' is in it twice");
            fields[place] = property.Value.ValueKind is JsonValueKind.Array or JsonValueKind.Object
                ? throw new FormatException($"column '{property.Name}' holds a list or an object; give a number, a word or null")
                : FieldOf(property.Value);
            if (property.Value.ValueKind is JsonValueKind.True or JsonValueKind.False)
                fields[place] = _columns[place].Truth(fields[place]!);
        }
        ColumnReader[] absent = [.. _columns.Where((_, place) => fields[place] is null)];
        if (absent.Length > 0)
            throw new FormatException($"it has no value for {Named(absent)}; give null where it is not known");
        var unknown = new List<string>();
        foreach (var (place, column) in _columns.Index())
        {
            var code = column.Code(fields[place]!, column.Column.HasDecimalCommas ?? false);
            if (column.Column.Kind == TableColumnKind.Category && !float.IsFinite(code) && !ColumnReader.IsMissing(fields[place]!))
                unknown.Add(column.Column.Name);
            column.Write(code, values);
            values = values[column.Width..];
        }
        return unknown;
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json)
    {
        json.WriteString("kind"u8, "row"u8);
        json.WriteStartArray("columns"u8);
        foreach (var column in _columns.Select(reader => reader.Column))
        {
            json.WriteStartObject();
            json.WriteString("name"u8, column.Name);
            json.WriteString("kind"u8, column.Kind.ToWords());
            if (column.Format is { } format) json.WriteString("format"u8, format);
            if (column.Kind == TableColumnKind.Category)
            {
                json.WriteStartArray("words"u8);
                foreach (var word in column.Words) json.WriteStringValue(word);
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>A value as a field of a table has it; true and false as JSON writes them.</summary>
    public static string FieldOf(JsonElement value)
        => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetRawText() : value.ToString().Trim();

    private const int MostNamed = 10;

    private static string Named(ColumnReader[] columns)
        => string.Join(", ", columns.Take(MostNamed).Select(column => $"'{column.Column.Name}'"))
            + (columns.Length > MostNamed ? $" and {columns.Length - MostNamed} more" : "");

    private string Example()
        => "{" + string.Join(", ", _columns.Take(2).Select(column => $"\"{column.Column.Name}\": "
            + (column.Column.Kind == TableColumnKind.Number ? "1.5"
                : $"\"{(column.Column.Words is [var word, ..] ? word : column.Column.Format)}\"")))
            + (_columns.Length > 2 ? ", ...}" : "}");
}
