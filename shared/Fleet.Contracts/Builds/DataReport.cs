using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>What is asked when data is looked at before anything is trained.</summary>
public sealed record DataRequest
{
    /// <summary>The data.</summary>
    public required DataSpec Data { get; init; }

    /// <summary>Family of the student, which says what shape a sample must have; absent: any.</summary>
    public string? Student { get; init; }

    /// <summary>Family of the teacher, where one is trained.</summary>
    public string? Teacher { get; init; }

    /// <summary>Seed of every cut, that of the build.</summary>
    public int Seed { get; set; } = 1;
}

/// <summary>What was understood of data: what a build learns from, selects by and is judged on.</summary>
public sealed record DataReport
{
    /// <summary>The data as it was read, its kind included.</summary>
    public required DataSpec Spec { get; init; }

    /// <summary>What the labels are for.</summary>
    public required ModelTask Task { get; init; }

    /// <summary>Samples of each part.</summary>
    public required SampleCounts Samples { get; init; }

    /// <summary>Shape of one sample, without the batch.</summary>
    public required IReadOnlyList<int> SampleShape { get; init; }

    /// <summary>Classes with their samples, in the order of their numbers; empty where labels are no classes.</summary>
    public IReadOnlyList<ClassCount> Classes { get; set; } = [];

    /// <summary>What the numbers to predict lie between in the training samples; empty for other labels.</summary>
    public IReadOnlyList<ValueRange> Labels { get; set; } = [];

    /// <summary>
    /// What the training values of each channel lie between, of a table those of each column; at most the first 256, empty for texts.
    /// </summary>
    public IReadOnlyList<ValueRange> Channels { get; set; } = [];

    /// <summary>How rows of a table became values, learned from the training samples; absent for other data.</summary>
    public TablePlan? Table { get; init; }

    /// <summary>How pictures and sound became values, each part; absent for other data.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>What was decided while reading and is worth knowing, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; set; } = [];

    /// <summary>A few training samples.</summary>
    public IReadOnlyList<SampleView> Examples { get; set; } = [];

    /// <summary>How many classes there are and which is the rarest to learn from, in a sentence; null where there are none.</summary>
    public string? AboutClasses()
    {
        if (Classes.MinBy(one => one.Training) is not { } smallest) return null;
        var rarest = FormattableString.Invariant($"'{smallest.Name}' with {smallest.Training:N0} training samples.");
        var each = (double)Classes.Sum(one => one.Training) / Math.Max(1, Samples.Training);
        return Task switch
        {
            ModelTask.Anomaly => "Normal samples alone train; anomalies, where there are any, judge.",
            ModelTask.MultiLabel => FormattableString.Invariant($"{Classes.Count} labels, {each:0.0} a sample, the rarest {rarest}"),
            _ => $"{Classes.Count} classes, the smallest {rarest}",
        };
    }
}

/// <summary>A class and its samples in each part.</summary>
public sealed record ClassCount(string Name, int Training, int Validation, int Test);

/// <summary>What values lie between.</summary>
/// <param name="Name">Of a column, or the number of a channel from 1.</param>
/// <param name="Minimum">The smallest.</param>
/// <param name="Maximum">The largest.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation.</param>
public sealed record ValueRange(string Name, double Minimum, double Maximum, double Mean, double Deviation);

/// <summary>A sample to look at.</summary>
/// <param name="Shape">Extents of <paramref name="Values"/>: a length, or rows and columns of a picture.</param>
/// <param name="Values">Its first channel, thinned out.</param>
/// <param name="Label">What it is labelled with; absent for boxes.</param>
/// <param name="Text">The beginning of a text, or the fields of a row; absent for other samples.</param>
public sealed record SampleView(IReadOnlyList<int> Shape, IReadOnlyList<float> Values, string? Label = null, string? Text = null);
