using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>How a window of rows is labelled.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<WindowLabel>))]
public enum WindowLabel
{
    /// <summary>As its last row.</summary>
    Last,
    /// <summary>As most of its rows; of two that are equally frequent as the later one.</summary>
    Majority,
}

/// <summary>
/// A table of measurements over time, a row for each moment of each unit (a machine, a run), cut into windows. Columns are
/// named by the header, or by their numbers from 1 where the file has none.
/// </summary>
public sealed record SeriesSpec
{
    /// <summary>
    /// Column that says which unit a row is of; its rows stand together, in order of time. No unit is in two parts of a split. Absent: each
    /// file is one; of a single file, or of a stream, pieces of five windows, and no window reaches over their ends.
    /// </summary>
    public string? Unit { get; init; }

    /// <summary>Columns of measurements, the channels of a sample; absent: every other column whose training values change.</summary>
    public IReadOnlyList<string>? Channels { get; init; }

    /// <summary>Columns that are left out where <see cref="Channels"/> is absent, such as the time.</summary>
    public IReadOnlyList<string> Without { get; set; } = [];

    /// <summary>Rows of a window. A unit with fewer repeats its first row in front.</summary>
    public int Window { get; set; } = 30;

    /// <summary>
    /// Fewest rows that a window is made of, from a row to <see cref="Window"/>: at the beginning of a unit windows of fewer repeat its
    /// first row in front, so that a model learns what it is given of a unit that has hardly begun. Absent: as many as a window has.
    /// </summary>
    public int? MinimumRows { get; init; }

    /// <summary>Rows from one training window to the next.</summary>
    public int Step { get; set; } = 1;

    /// <summary>How a window is labelled by its rows; absent: by the last one.</summary>
    public WindowLabel? Label { get; init; }

    /// <summary>
    /// Labels each window with the rows that remain until its unit ends, at most this many: a unit that has hardly worn yet says
    /// nothing of when it will end. Absent: <see cref="DataSpec.LabelColumn"/> labels a window by its last row.
    /// </summary>
    public int? MaximumRemaining { get; init; }

    /// <summary>
    /// Counts what remains to a test unit, where a file of labels says it, as <see cref="MaximumRemaining"/> at most, too: no model that
    /// learned from labels with a limit can answer more. Absent: no.
    /// </summary>
    public bool? LimitTest { get; init; }
}
