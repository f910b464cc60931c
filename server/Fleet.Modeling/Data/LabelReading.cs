using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>Makes labels of a task out of what a file holds, or says which row speaks against it.</summary>
internal static class LabelReading
{
    /// <summary>
    /// The task of a data set. Where the spec does not say, names and whole numbers are classes; fractions are asked about.
    /// </summary>
    /// <exception cref="BuildException">The labels are stored as fractions and nobody says what they mean.</exception>
    public static ModelTask TaskOf(DataSpec spec, RawSamples training)
    {
        var labels = training.Labels;
        if (labels.AreBoxes != (spec.Task == ModelTask.Detection))
            throw new BuildException(labels.AreBoxes
                ? $"{training.Source} holds boxes ('{DetectionTask.BoxesName}'): set data.task to 'detection'."
                : $"{training.Source} holds no boxes: data.task 'detection' needs them as '{DetectionTask.BoxesName}' (samples, boxes, 4) "
                    + $"beside their classes as '{DetectionTask.LabelsName}' (samples, boxes), in an npz file.");
        if (spec.Task is { } task) return task;
        if (labels.Whole) return ModelTask.Classification;
        var sample = Math.Max(0, Array.FindIndex(labels.Values, value => value != Math.Floor(value))) / labels.Columns;
        throw new BuildException(
            $"{training.Source} has the label {Text(labels.Values[sample * labels.Columns])} at sample {sample} (counted from 0), stored "
                + "as a floating-point number: set data.task to 'regression' when labels are numbers to predict, or to 'classification' "
                + $"when they are class numbers.");
    }

    /// <summary>Class names in the order of the label numbers.</summary>
    public static IReadOnlyList<string> ClassesOf(DataSpec spec, RawSamples training)
    {
        IReadOnlyList<string> classes = spec.Classes ?? training.Labels.Names ?? Numbers(training);
        return classes.Count > 1
            ? classes
            : throw new BuildException(
                $"{training.Source} has one class ({string.Join(", ", classes)}); a classifier tells at least two apart.");
    }

    /// <summary>The class of each sample.</summary>
    public static ClassLabels Classes(RawSamples raw, IReadOnlyList<string> classes)
    {
        if (raw.Labels.Columns > 1)
            throw new BuildException(
                $"{raw.Source} has {raw.Labels.Columns} labels for each sample; a classifier takes one class number. Set data.task to "
                    + "'regression' when they are numbers to predict.");
        if (raw.Labels.Names is { } names) return Named(raw, names, classes);
        var numbers = new long[raw.Labels.Count];
        for (var sample = 0; sample < numbers.Length; sample++)
        {
            var value = raw.Labels.Values[sample];
            if (value != Math.Floor(value) || !double.IsFinite(value))
                throw Refuse(raw, sample, value,
                    "which is not a class number; set data.task to 'regression' when labels are numbers to predict.");
            if (value < 0 || value >= classes.Count)
                throw Refuse(raw, sample, value, $"labels are 0 to {classes.Count - 1} for {classes.Count} classes.");
            numbers[sample] = (long)value;
        }
        return new ClassLabels(numbers);
    }

    /// <summary>The numbers to predict.</summary>
    public static ValueLabels Values(RawSamples raw, string? unit)
    {
        if (raw.Labels.Names is { } names)
            throw new BuildException(
                $"{raw.Source} has the label '{names[0]}', which is not a number; data.task 'regression' predicts numbers.");
        var bad = Array.FindIndex(raw.Labels.Values, value => !float.IsFinite((float)value));
        return bad < 0
            ? new ValueLabels(Array.ConvertAll(raw.Labels.Values, value => (float)value), raw.Labels.Columns) { Unit = unit }
            : throw Refuse(raw, bad / raw.Labels.Columns, raw.Labels.Values[bad],
                "which is not a finite 32-bit number; remove or repair such samples.");
    }

    private static ClassLabels Named(RawSamples raw, IReadOnlyList<string> names, IReadOnlyList<string> classes)
    {
        var known = classes.ToList();
        long[] numbers = [.. names.Select(name => (long)known.IndexOf(name))];
        return Array.IndexOf(numbers, -1L) is >= 0 and var unknown
            ? throw new BuildException(
                $"{raw.Source} has the label '{names[unknown]}', which is not one of the classes {string.Join(", ", classes)}; add it to "
                    + "data.classes or remove its samples.")
            : new ClassLabels(Array.ConvertAll(raw.Labels.Values, label => numbers[(int)label]));
    }

    // Without names a class is its number. A negative or fractional one is refused later, with its sample.
    private static string[] Numbers(RawSamples raw)
    {
        double[] labels = [.. raw.Labels.Values.Where(label => label >= 0 && double.IsFinite(label))];
        var largest = labels.DefaultIfEmpty(0).Max();
        if (largest >= raw.Labels.Count)
            throw new BuildException(
                $"{raw.Source} has the label {Text(largest)} among {raw.Labels.Count} samples; class numbers count from 0 without gaps "
                    + "this large.");
        var present = labels.Select(label => (int)label).ToHashSet();
        var absent = Enumerable.Range(0, (int)largest + 1).FirstOrDefault(number => !present.Contains(number), -1);
        return absent < 0
            ? [.. Enumerable.Range(0, (int)largest + 1).Select(number => number.ToString(CultureInfo.InvariantCulture))]
            : throw new BuildException(
                $"{raw.Source} has labels up to {Text(largest)} and none that is {absent}; class numbers count from 0 without gaps. Number "
                    + "the classes anew, or name them in data.classes.");
    }

    /// <summary>A label that cannot be taken, with the sample it belongs to.</summary>
    public static BuildException Refuse(RawSamples raw, int sample, double value, string because)
        => new($"{raw.Source} has the label {Text(value)} at sample {sample} (counted from "
            + $"0){(because.StartsWith("which", StringComparison.Ordinal) ? ", " : "; ")}{because}");

    private static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
