using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>The labelled samples that travel with a release: an npz of the inputs and labels by name.</summary>
internal static class ValidationSet
{
    /// <summary>Writes the samples.</summary>
    /// <param name="path">The file.</param>
    /// <param name="inputName">Name of the input.</param>
    /// <param name="samples">Inputs and labels.</param>
    /// <param name="references">What the float model gives at an output, a row a sample, where that takes the place of labels.</param>
    public static void Write(
        string path, string inputName, SampleSet samples, IReadOnlyDictionary<string, float[]>? references = null)
    {
        using var file = File.Create(path);
        NpzArchive.Write(file, [
            KeyValuePair.Create(inputName, Inputs(samples)), .. samples.Labels.ToArrays(),
            .. (references ?? new Dictionary<string, float[]>()).Select(one => KeyValuePair.Create(TaskDefinition.ReferencePrefix + one.Key,
                NpyArray.Of(one.Value, samples.Count, one.Value.Length / samples.Count))),
        ]);
    }

    /// <summary>Writes the inputs alone: enough to run a model, not to judge it.</summary>
    public static void WriteInputs(string path, string inputName, SampleSet samples)
    {
        using var file = File.Create(path);
        NpzArchive.Write(file, [KeyValuePair.Create(inputName, Inputs(samples))]);
    }

    private static NpyArray Inputs(SampleSet samples)
    {
        int[] shape = [samples.Count, .. samples.SampleShape];
        return samples.Vocabulary is null
            ? NpyArray.Of(samples.Inputs, shape)
            : NpyArray.Of(Array.ConvertAll(samples.Inputs, token => (long)token), shape);
    }
}
