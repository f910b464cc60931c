using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>What to know of the samples that are held out to choose an epoch by.</summary>
internal static class SplitFindings
{
    /// <summary>
    /// One sample of so many is five points of accuracy: what less than that tells apart is chance.
    /// </summary>
    private const int Enough = 20;

    private const int EnoughOfClass = 2;

    /// <summary>Sentences; none where there are enough.</summary>
    /// <param name="data">The samples.</param>
    /// <param name="spec">How they were cut.</param>
    /// <param name="seed">Seed of the cut.</param>
    public static IEnumerable<string> Of(DataSet data, DataSpec spec, int seed)
    {
        // Folds chose, and nobody is held out.
        if (spec.Folds is { } folds)
        {
            string[] lacking = [.. Lacking(data, folds, seed)];
            if (lacking.Length > 0)
                yield return $"Folds hold all training samples of {Listed(lacking)}, so that what learned without them could not know "
                    + "the class: their figure is too low, and epochs were chosen by the others. Fewer folds (data.folds), or samples of "
                    + "more groups, would tell.";
            yield break;
        }
        if (data.Validation.Count == 0)
        {
            yield return $"No samples were held out to choose an epoch by (data.validationShare {Text(spec.ValidationShare)} of "
                + $"{data.Training.Count}): networks are as their last step left them; data.folds 5 chooses one by cross-validation.";
            yield break;
        }
        // How many a threshold takes is told where it is found.
        if (data.Validation.Labels is AnomalyLabels) yield break;
        var counts = data.Validation.Labels is ClassLabels labels
            ? labels.Numbers.CountBy(number => number).ToDictionary(count => count.Key, count => count.Value) : [];
        string[] few = data.Validation.Labels is ClassLabels
            ? [.. data.Classes.Where((_, number) => counts.GetValueOrDefault(number) < EnoughOfClass)] : [];
        if (data.Validation.Count >= Enough && few.Length == 0) yield break;
        yield return $"Epochs were chosen by {data.Validation.Count} validation sample{(data.Validation.Count == 1 ? "" : "s")}"
            + $"{(few.Length == 0 ? "" : $", with less than {EnoughOfClass} of {Listed(few)}")}: that is close to chance. {Enough}"
            + $"{(data.Classes.Count == 0 ? "" : $", and {EnoughOfClass} of each class,")} would do{Remedy(data, spec)}.";
    }

    /// <summary>Classes of which some fold holds every sample.</summary>
    private static IEnumerable<string> Lacking(DataSet data, int folds, int seed)
    {
        if (data.Training.Labels is not ClassLabels { Numbers: var numbers }) return [];
        HashSet<long>[] known = [
            .. Folds.Of(data.Training, folds, seed).Select(part => part.Training.Select(sample => numbers[sample]).ToHashSet()),
        ];
        return data.Classes.Where((_, number) => known.Any(classes => !classes.Contains(number)));
    }

    // The share that gives so many, as cuts round it.
    private static string Remedy(DataSet data, DataSpec spec)
    {
        if (spec.Text?.ValidationSplits is not null) return "";
        var share = (double)Enough / (data.Training.Count + data.Validation.Count);
        if (data.Training.Labels is ClassLabels training && data.Validation.Labels is ClassLabels validation)
            share = Math.Max(share, (EnoughOfClass - 0.5)
                / training.Numbers.Concat(validation.Numbers).CountBy(number => number).Min(count => count.Value));
        share = Math.Ceiling(share * 100) / 100;
        return share <= 0.5
            ? $" (data.validationShare {Text(share)}); with data.folds 5 cross-validation chooses, and all samples are learned from"
            : ", which needs more samples; with data.folds 5 cross-validation chooses, and all samples are learned from";
    }

    private static string Listed(string[] names) => names.Length <= 5
        ? string.Join(", ", names.Select(name => $"'{name}'"))
        : $"'{names[0]}' and {names.Length - 1} other classes";

    private static string Text(double share) => share.ToString("0.##", CultureInfo.InvariantCulture);
}
