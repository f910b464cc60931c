using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>The labelled samples that travel with a release: an npz of the inputs by name and <c>labels</c>.</summary>
internal static class ValidationSet
{
    /// <summary>Writes at most <paramref name="count"/> test samples, every class in proportion.</summary>
    public static void Write(string path, string inputName, SampleSet test, int count, int seed)
    {
        var samples = Splits.Subset(test, count, new Random(seed));
        using var file = File.Create(path);
        NpzArchive.Write(file,
        [
            new(inputName, NpyArray.Of(samples.Inputs, [samples.Count, .. samples.SampleShape])),
            new("labels", NpyArray.Of(samples.Labels, samples.Count)),
        ]);
    }
}
