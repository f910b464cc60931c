using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>
/// Reads the fields of one column and makes values of them: for training samples and on a device alike, so that a model meets what it
/// learned from. A field becomes a code first, which is a number, the place of a word, or days since 2000-01-01; a code becomes values.
/// </summary>
/// <param name="column">The column.</param>
public sealed class ColumnReader(TableColumn column)
{
    private static readonly DateTime FirstDay = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Unspecified);

    /// <summary>What people write for a value that is missing.</summary>
    private static readonly HashSet<string> MissingWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "", "?", "na", "n/a", "nan", "null",
    };

    private readonly Dictionary<string, int> _words
        = column.Words.Index().ToDictionary(word => word.Item, word => word.Index, StringComparer.Ordinal);

    /// <summary>The column.</summary>
    public TableColumn Column => column;

    /// <summary>How many values a field becomes.</summary>
    public int Width { get; } = column.ValueNames().Count;

    /// <summary>True for a field that says that a value is missing.</summary>
    public static bool IsMissing(string field) => MissingWords.Contains(field);

    /// <summary>A number as a table has it.</summary>
    /// <param name="field">The field, without blanks around it.</param>
    /// <param name="hasDecimalCommas">True where commas stand in numbers; a number with a point is read all the same.</param>
    /// <param name="value">The number.</param>
    public static bool TryNumber(string field, bool hasDecimalCommas, out double value)
        => double.TryParse(hasDecimalCommas && !field.Contains('.', StringComparison.Ordinal) ? field.Replace(',', '.') : field,
            NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    /// <summary>A moment in days since 2000-01-01.</summary>
    /// <param name="field">The field, without blanks around it.</param>
    /// <param name="format">How it is written, in the words of .NET's formats.</param>
    /// <param name="days">The days.</param>
    public static bool TryDate(string field, string format, out double days)
    {
        var isDate = DateTime.TryParseExact(field, format, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var moment);
        days = isDate ? (moment - FirstDay).TotalDays : 0;
        return isDate;
    }

    /// <summary>The day that so many days since 2000-01-01 lead to.</summary>
    public static DateTime Day(double days) => FirstDay.AddDays(days);

    /// <summary>
    /// The code of a field: not a number where it is missing, is a word that is not known, or is too large for a 32-bit float.
    /// </summary>
    /// <param name="field">The field, without blanks around it.</param>
    /// <param name="hasDecimalCommas">See <see cref="TryNumber"/>.</param>
    /// <exception cref="FormatException">It is not what the column holds.</exception>
    public float Code(string field, bool hasDecimalCommas)
    {
        if (IsMissing(field)) return float.NaN;
        if (column.Kind == TableColumnKind.Category) return _words.TryGetValue(field, out var place) ? place : float.NaN;
        double code;
        if (column.Format is { } format ? TryDate(field, format, out code) : TryNumber(field, hasDecimalCommas, out code))
            return (float)code;
        throw new FormatException($"column '{column.Name}' holds '{Limits.Detail(field, LongestShown)}', which is not a "
            + (column.Format is { } written ? $"date written as {written}" : "number"));
    }

    /// <summary>
    /// The word of this column for true or false, which some programs write in capitals: the same letters where it has them.
    /// </summary>
    /// <param name="field"><c>true</c> or <c>false</c>.</param>
    public string Truth(string field) => _words.ContainsKey(field) ? field
        : column.Words.FirstOrDefault(word => word.Equals(field, StringComparison.OrdinalIgnoreCase)) ?? field;

    /// <summary>The values of a code.</summary>
    /// <param name="code">What <see cref="Code"/> answered.</param>
    /// <param name="values">Where they go, <see cref="Width"/> of them; zeros.</param>
    public void Write(float code, Span<float> values)
    {
        var isMissing = !float.IsFinite(code);
        switch (column.Kind)
        {
            case TableColumnKind.Category:
                if (!isMissing) values[(int)code] = 1;
                break;
            case TableColumnKind.Date when !isMissing:
                values[0] = code;
                foreach (var (cycle, days) in column.Cycles.Index())
                {
                    var (sine, cosine) = Math.SinCos(code * Math.Tau / days);
                    (values[1 + 2 * cycle], values[2 + 2 * cycle]) = ((float)sine, (float)cosine);
                }
                break;
            default:
                values[0] = isMissing ? (float)column.Mean : code;
                break;
        }
        if (column.TellsMissing) values[Width - 1] = isMissing ? 1 : 0;
    }

    private const int LongestShown = 100;
}
