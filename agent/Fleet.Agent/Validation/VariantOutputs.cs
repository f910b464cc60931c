using Fleet.Agent.Inference;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Validation;

/// <summary>Keeps what a variant says of every sample, so that two processors can be compared number by number. Nothing is timed.</summary>
internal static class VariantOutputs
{
    /// <summary>Runs every sample once and writes the float outputs, one array by name, samples one after the other.</summary>
    /// <exception cref="ModelRefusedException">
    /// It does not run on the samples, has no float output, or its outputs cannot be judged by its task.
    /// </exception>
    public static Scores Write(OnnxSession session, ValidationSamples samples, VariantJudge judge, string path)
    {
        string[] names = [.. session.Outputs.Where(tensor => Datatypes.IsFloat(tensor.Element)).Select(tensor => tensor.Name)];
        if (names.Length == 0)
            throw new ModelRefusedException($"The model has no float output to compare; it has {string.Join(", ", session.Outputs)}.");
        string[] asked = [.. names.Union(judge.Outputs)];
        try
        {
            var values = names.Select(_ => new List<float>()).ToArray();
            for (var first = 0; first < samples.Count; first += samples.Batch)
            {
                samples.Fill(first);
                using var outputs = session.Run(samples.Names, samples.Tensors, asked);
                for (var i = 0; i < names.Length; i++) values[i].AddRange(Datatypes.Singles(outputs[i]));
                var judged = judge.Outputs.Select(name => outputs[Array.IndexOf(asked, name)]);
                judge.Add([.. judged], Math.Min(samples.Batch, samples.Count - first));
            }
            using var file = File.Create(path);
            NpzArchive.Write(file, names.Zip(values, (name, list) => KeyValuePair.Create(name, NpyArray.Of(list.ToArray(), list.Count))));
            return judge.Scores();
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelRefusedException($"ONNX Runtime could not run the model on the validation set: {e.Message}", e);
        }
    }
}
