using System.Globalization;
using Fleet.Contracts.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>Class numbers as people give them: whole, each a class of the model, by which it is right more often than by chance.</summary>
internal static class LabelChecks
{
    /// <summary>Samples below which a share says little.</summary>
    private const int FewestToDoubt = 20;

    /// <summary>The class numbers in an array.</summary>
    /// <param name="array">What was given.</param>
    /// <param name="source">Its name, for messages.</param>
    /// <exception cref="InvalidDataException">One is no whole number.</exception>
    public static long[] Of(NpyArray array, string source)
    {
        var labels = array.ToInt64s();
        if (array.Type[0] != 'f') return labels;
        foreach (var (sample, value) in array.ToDoubles().Index())
        {
            if (value != labels[sample])
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                    $"{source}: the label of sample {sample} is {value}, and classes are whole numbers; name with --task (in a build spec ")
                    + "source.task) what such labels are, or leave them out to judge by closeness to the float model.");
        }
        return labels;
    }

    /// <summary>Refuses a label that no answer of the model could match.</summary>
    /// <param name="labels">Class of each sample.</param>
    /// <param name="classes">Classes that the model tells apart.</param>
    /// <exception cref="InvalidDataException">One is none of them.</exception>
    public static void Require(IReadOnlyList<long> labels, int classes)
    {
        foreach (var (sample, label) in labels.Index())
        {
            if (label < 0 || label >= classes)
                throw new InvalidDataException(
                    $"The label of sample {sample} is {label}, and the model tells {classes} classes apart, numbered from 0 to "
                        + $"{classes - 1}: number them so, or leave the labels out to judge by closeness to the float model.");
        }
    }

    /// <summary>What speaks against labels or samples: a model that is right no more often than who looks at nothing; else null.</summary>
    /// <param name="labels">Class of each sample.</param>
    /// <param name="accuracy">Share in which the float model is right.</param>
    public static string? DoubtOf(IReadOnlyList<long> labels, double accuracy)
    {
        if (labels.Count < FewestToDoubt) return null;
        var most = labels.CountBy(label => label).MaxBy(label => label.Value);
        var share = (double)most.Value / labels.Count;
        return accuracy > share || most.Value == labels.Count ? null : string.Create(CultureInfo.InvariantCulture,
            $"The float model itself is right in {100 * accuracy:0.0} % of the samples, where always naming class {most.Key} would be in ")
            + string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %: check that the labels number classes as the model does, ")
            + "and that samples are prepared as it was trained.";
    }
}
