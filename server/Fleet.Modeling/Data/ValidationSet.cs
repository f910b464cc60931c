using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>The labelled samples that travel with a release: an npz of the inputs by name and <c>labels</c>.</summary>
internal static class ValidationSet
{
    /// <summary>Writes at most <paramref name="count"/> test samples, every class in proportion.</summary>
    public static void Write(string path, string inputName, SampleSet test, int count, int seed)
    {
        var samples = Splits.Subset(test, count, new Random(seed));
        int[] shape = [samples.Count, .. samples.SampleShape];
        var inputs = samples.Vocabulary is null ? NpyArray.Of(samples.Inputs, shape) : NpyArray.Of(Array.ConvertAll(samples.Inputs, token => (long)token), shape);
        Write(path, new Dictionary<string, NpyArray> { [inputName] = inputs }, samples.Labels);
    }

    /// <summary>Writes inputs whose first axis counts samples, with their labels where there are some.</summary>
    public static void Write(string path, IReadOnlyDictionary<string, NpyArray> inputs, long[]? labels)
    {
        using var file = File.Create(path);
        NpzArchive.Write(file, [.. inputs, .. labels is null ? [] : new[] { KeyValuePair.Create(Labels, NpyArray.Of(labels, labels.Length)) }]);
    }

    /// <summary>Name of the array of labels.</summary>
    public const string Labels = "labels";
}
