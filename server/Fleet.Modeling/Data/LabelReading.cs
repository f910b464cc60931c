using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>Makes labels of a task out of what a file holds, or says which row speaks against it.</summary>
internal static class LabelReading
{
    /// <summary>With more different labels than these they may as well be numbers to predict.</summary>
    private const int Many = 20;

    /// <summary>With fewer samples for each label on average they hardly are classes.</summary>
    private const int Few = 10;

    /// <summary>Share of rows with several marks, or none, from which on these are no slips.</summary>
    private const double LeastUnlike = 0.05;

    private const string Asked = "set data.task to 'regression' when labels are numbers to predict, or to 'classification' when they are "
        + "class numbers.";

    /// <summary>
    /// The task of a data set. Where the spec does not say, names, one-hot rows and whole numbers are classes; fractions are asked about,
    /// and whole numbers of which there are too many to be classes.
    /// </summary>
    /// <exception cref="BuildException">The labels may be numbers to predict and nobody says what they mean.</exception>
    public static ModelTask TaskOf(DataSpec spec, RawSamples training)
    {
        var labels = training.Labels;
        if (labels.AreBoxes != (spec.Task == ModelTask.Detection))
            throw new BuildException(labels.AreBoxes
                ? $"{training.Source} holds boxes ('{DetectionTask.BoxesName}'): set data.task to 'detection'."
                : $"{training.Source} holds no boxes: data.task 'detection' needs them as '{DetectionTask.BoxesName}' (samples, boxes, 4) "
                    + $"beside their classes as '{DetectionTask.LabelsName}' (samples, boxes), in an npz file.");
        if (spec.Task is { } task) return task;
        if (labels.Names is not null) return LabelSetReading.HasSeveral(labels) ? ModelTask.MultiLabel : ModelTask.Classification;
        if (Array.FindIndex(labels.Values, value => !double.IsFinite(value)) is >= 0 and var lost)
            throw Refuse(training, lost / labels.Columns, labels.Values[lost], "which says nothing; remove or repair such samples.");
        if (labels.Columns > 1) return OfRows(training);
        if (Array.FindIndex(labels.Values, value => !double.IsInteger(value)) is >= 0 and var fraction)
            throw Refuse(training, fraction, labels.Values[fraction],
                $"which is stored as a floating-point number: {Asked}");
        return OfNumbers(training);
    }

    /// <summary>The numbers to predict.</summary>
    public static ValueLabels Values(RawSamples raw, string? unit)
    {
        if (raw.Labels.Names is { } names)
            throw new BuildException(
                $"{raw.Source} has the label '{names.FirstOrDefault(name => !double.TryParse(name, NumberStyles.Float,
                    CultureInfo.InvariantCulture, out _)) ?? names[0]}', which is not a number; data.task 'regression' predicts numbers.");
        var bad = Array.FindIndex(raw.Labels.Values, value => !float.IsFinite((float)value));
        return bad < 0
            ? new ValueLabels(Array.ConvertAll(raw.Labels.Values, value => (float)value), raw.Labels.Columns) { Unit = unit }
            : throw Refuse(raw, bad / raw.Labels.Columns, raw.Labels.Values[bad],
                "which is not a finite 32-bit number; remove or repair such samples.");
    }

    /// <summary>Refuses parts that differ in how many labels a sample has.</summary>
    /// <exception cref="BuildException">One has more or fewer than the first.</exception>
    public static void RequireSameColumns(IReadOnlyList<RawSamples> parts)
    {
        if (parts.FirstOrDefault(part => part.Labels.Columns != parts[0].Labels.Columns) is { } other)
            throw new BuildException($"{other.Source} has {other.Labels.Columns} labels for each sample and {parts[0].Source} "
                + $"{parts[0].Labels.Columns}; they must agree.");
    }

    /// <summary>A label that cannot be taken, with the sample it belongs to.</summary>
    public static BuildException Refuse(RawSamples raw, int sample, double value, string because)
        => new($"{raw.Source} has the label {Text(value)} at "
            + $"{raw.Where(sample)}{(because.StartsWith("which", StringComparison.Ordinal) ? ", " : "; ")}{because}");

    /// <summary>A label as messages and class names have it.</summary>
    public static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    /// <summary>The labels of one sample.</summary>
    public static string Text(ReadOnlySpan<double> row) => string.Join(", ", row.ToArray().Select(Text));

    private static ModelTask OfRows(RawSamples training)
    {
        var labels = training.Labels;
        if (LabelSetReading.AreMarks(labels))
        {
            int[] unlike = [.. Enumerable.Range(0, labels.Count).Where(sample => labels.OneHot(sample) is null)];
            if (unlike.Length == 0) return ModelTask.Classification;
            // A slip in one row does not make something else of all others.
            return unlike.Length >= LeastUnlike * labels.Count ? ModelTask.MultiLabel : throw new BuildException(
                $"{training.Source} has {labels.Columns} labels for each sample, {Text(labels.Row(unlike[0]))} at "
                    + $"{training.Where(unlike[0])}, where all but {unlike.Length} of {labels.Count} samples have exactly one 1: "
                    + "repair it, or set data.task to 'multiLabel' when samples may have several labels or none.");
        }
        var other = Array.FindIndex(labels.Values, value => value is not (0 or 1)) / labels.Columns;
        throw new BuildException(
            $"{training.Source} has {labels.Columns} labels for each sample, {Text(labels.Row(other))} at {training.Where(other)}, "
                + "where labels of classes are 1 or 0: set data.task to 'regression' when they are numbers to predict.");
    }

    // Remaining life from 0 to 125 is a number; digits from 0 to 9 are classes, also where a program stored them as fractions.
    private static ModelTask OfNumbers(RawSamples training)
    {
        var labels = training.Labels;
        KeyValuePair<double, int>[] counts = [.. labels.Values.CountBy(value => value).OrderBy(count => count.Key)];
        var (isMany, isFew) = (counts.Length > Many, labels.Count < Few * counts.Length);
        if (labels.Whole ? !(isMany && isFew) : !isMany && (!isFew || counts.Length <= 2)) return ModelTask.Classification;
        var rarest = counts.MinBy(count => count.Value);
        throw new BuildException(
            $"{training.Source} has {counts.Length} different labels from {Text(counts[0].Key)} to {Text(counts[^1].Key)}"
                + $"{(labels.Whole ? "" : ", stored as floating-point numbers,")} on {labels.Count} samples, the rarest, "
                + $"{Text(rarest.Key)}, on {rarest.Value}: {Asked}");
    }
}
