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
        var inputs = samples.Vocabulary is null
            ? NpyArray.Of(samples.Inputs, shape)
            : NpyArray.Of(Array.ConvertAll(samples.Inputs, token => (long)token), shape);
        using var file = File.Create(path);
        NpzArchive.Write(file, [KeyValuePair.Create(inputName, inputs), KeyValuePair.Create("labels", samples.Labels.ToArray())]);
    }
}
