using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>The labelled samples that travel with a release: an npz of the inputs and labels by name.</summary>
internal static class ValidationSet
{
    /// <summary>Writes the samples.</summary>
    public static void Write(string path, string inputName, SampleSet samples)
    {
        int[] shape = [samples.Count, .. samples.SampleShape];
        var inputs = samples.Vocabulary is null
            ? NpyArray.Of(samples.Inputs, shape)
            : NpyArray.Of(Array.ConvertAll(samples.Inputs, token => (long)token), shape);
        using var file = File.Create(path);
        NpzArchive.Write(file, [KeyValuePair.Create(inputName, inputs), .. samples.Labels.ToArrays()]);
    }
}
