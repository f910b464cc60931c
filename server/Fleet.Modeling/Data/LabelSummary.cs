using System.Globalization;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>What labels were taken for, in a line to read before anything is trained.</summary>
internal static class LabelSummary
{
    /// <summary>Such as <c>labels: 6 classes, smallest 12 samples ('x')</c>; of training samples.</summary>
    public static string Of(DataSet data) => data.Unlabelled is { } more
        ? string.Create(CultureInfo.InvariantCulture, $"{OfTraining(data)}, and {more.Count:N0} samples without") : OfTraining(data);

    private static string OfTraining(DataSet data) => data.Training.Labels switch
    {
        NoLabels => "labels: none, so the teacher's answers stand in for them",
        ClassLabels classes => OfClasses(classes, data.Classes),
        AnomalyLabels => OfAnomalies(data),
        LabelSets sets => OfSets(sets, data.Classes),
        ValueLabels values => $"labels: {(values.Columns == 1 ? "numbers" : $"{values.Columns} numbers a sample")} from "
            + $"{Text(values.Values.Min(), values)} to {Text(values.Values.Max(), values)}",
        _ => $"labels: boxes of {data.Classes.Count} class{(data.Classes.Count == 1 ? "" : "es")}",
    };

    private static string OfClasses(ClassLabels labels, IReadOnlyList<string> classes)
    {
        var smallest = labels.Numbers.CountBy(number => number).MinBy(count => count.Value);
        return string.Create(CultureInfo.InvariantCulture,
            $"labels: {classes.Count} classes, smallest {smallest.Value:N0} samples ('{classes[(int)smallest.Key]}')");
    }

    private static string OfAnomalies(DataSet data)
    {
        var test = (AnomalyLabels)data.Test.Labels;
        return string.Create(CultureInfo.InvariantCulture, $"labels: {data.Training.Count:N0} normal samples to learn from, ")
            + (test.Anomalies == 0 ? "and no anomalies to judge by" : string.Create(CultureInfo.InvariantCulture,
                $"{test.Anomalies:N0} anomalies among {test.Count:N0} test samples"));
    }

    private static string OfSets(LabelSets sets, IReadOnlyList<string> names)
    {
        var counts = sets.Counts();
        var rarest = Array.IndexOf(counts, counts.Min());
        return string.Create(CultureInfo.InvariantCulture,
            $"labels: {names.Count} labels, {(double)counts.Sum() / Math.Max(1, sets.Count):0.0} a sample, ")
            + string.Create(CultureInfo.InvariantCulture, $"rarest {counts[rarest]:N0} samples ('{names[rarest]}')");
    }

    private static string Text(float value, ValueLabels labels)
        => labels.Unit is { } unit ? Units.Text(Math.Round(value, 4), unit) : value.ToString("0.####", CultureInfo.InvariantCulture);
}
