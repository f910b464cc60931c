using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>What a column of a table holds.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<TableColumnKind>))]
public enum TableColumnKind
{
    /// <summary>Numbers.</summary>
    Number,
    /// <summary>One of several words.</summary>
    Category,
    /// <summary>Dates, with a time of day or without.</summary>
    Date,
}

/// <summary>
/// How a row of a table becomes the values of a sample, learned from the training samples alone: whoever feeds the model does the same.
/// </summary>
/// <param name="Columns">The columns that are used, in the order of their values.</param>
public sealed record TablePlan(IReadOnlyList<TableColumn> Columns);

/// <summary>How a column becomes values.</summary>
public sealed record TableColumn
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What it holds.</summary>
    public required TableColumnKind Kind { get; init; }

    /// <summary>
    /// Its words, a value each: 1 for the one that a row holds, 0 for all others. A word that is not among them gives zeros, as does one
    /// that is missing.
    /// </summary>
    public IReadOnlyList<string> Words { get; set; } = [];

    /// <summary>How a date is written, in the words of .NET's formats.</summary>
    public string? Format { get; init; }

    /// <summary>True where a comma stands in numbers, as in tables whose fields are apart by semicolons; absent otherwise.</summary>
    public bool? HasDecimalCommas { get; init; }

    /// <summary>What stands in place of a number that is missing; of dates in days since 2000-01-01.</summary>
    public double Mean { get; set; }

    /// <summary>True where a value behind the others says that it is missing, since it was in training samples.</summary>
    public bool TellsMissing { get; set; }

    /// <summary>
    /// Days of the cycles that a date lies in: a week and a year, and a day where dates have a time of day.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<double> Cycles => Format?.Contains("HH", StringComparison.Ordinal) == true ? WithTime : WithoutTime;

    /// <summary>Names of its values, in order.</summary>
    public IReadOnlyList<string> ValueNames()
    {
        IEnumerable<string> names = Kind switch
        {
            TableColumnKind.Category => Words.Select(word => $"{Name}={word}"),
            TableColumnKind.Date => DateParts.Take(1 + 2 * Cycles.Count).Select(part => Name + part),
            _ => [Name],
        };
        return [.. names, .. TellsMissing ? [$"{Name} missing"] : Array.Empty<string>()];
    }

    private static readonly double[] WithoutTime = [7, 365.2425], WithTime = [.. WithoutTime, 1];

    // Days since 2000-01-01 in fractions, then where in its cycle a moment is: what Sunday and Monday have in common is lost in a number.
    private static readonly string[] DateParts = [
        " days", " week sin", " week cos", " year sin", " year cos", " day sin", " day cos",
    ];
}

/// <summary>How a table is read.</summary>
public sealed record TableSpec
{
    /// <summary>Columns that are left out.</summary>
    public IReadOnlyList<string> Without { get; set; } = [];

    /// <summary>Columns of numbers that stand for categories, such as a postal code.</summary>
    public IReadOnlyList<string> Categories { get; set; } = [];

    /// <summary>Whether the first line names the columns. Absent: it does where none of its fields is a number.</summary>
    public bool? Header { get; init; }
}
