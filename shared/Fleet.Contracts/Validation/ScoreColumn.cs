namespace Fleet.Contracts.Validation;

/// <summary>
/// A column of a table for the figure that says how good a model is. Where all rows have the same metric it is the column's
/// title; where they differ each cell names its own.
/// </summary>
public sealed class ScoreColumn
{
    private readonly bool _named;

    /// <summary>The column of the rows of a table.</summary>
    public ScoreColumn(IEnumerable<Scores?> rows)
    {
        string[] titles = [.. rows.Select(scores => scores?.Quality?.Title()).OfType<string>().Distinct()];
        _named = titles.Length > 1;
        Title = titles is [var only] ? Threshold.Lowered(only) : "score";
    }

    /// <summary>Its title, in lower case where it is a word.</summary>
    public string Title { get; }

    /// <summary>The cell of one row; null when nothing was measured.</summary>
    public string? Of(Scores? scores) => scores?.Quality is not { } figure ? null
        : _named
            ? $"{Threshold.Lowered(figure.Title())} {Tasks.Units.Brief(figure.Value, figure.Unit)}"
            : Tasks.Units.Brief(figure.Value, figure.Unit);
}
