using Fleet.Agent.Inference;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Validation;

/// <summary>Keeps what a variant says of every sample, so that two processors can be compared number by number. Nothing is timed.</summary>
internal static class VariantOutputs
{
    /// <summary>Runs every sample once and writes the float outputs, one array by name, samples one after the other.</summary>
    /// <param name="session">The model.</param>
    /// <param name="request">What is asked, with the place for the outputs.</param>
    /// <exception cref="ModelRefusedException">
    /// It does not run on the samples, has no float output, or its outputs cannot be judged by its task.
    /// </exception>
    public static Scores Write(OnnxSession session, ValidationRequest request)
    {
        string[] names = [.. session.Outputs.Where(tensor => Datatypes.IsFloat(tensor.Element)).Select(tensor => tensor.Name)];
        if (names.Length == 0)
            throw new ModelRefusedException($"The model has no float output to compare; it has {string.Join(", ", session.Outputs)}.");
        var values = names.Select(_ => new List<float>()).ToArray();
        Scores[] scores = [.. SetsOf(request.ValidationSetPath).Select(set => Run(session, request, set, names, values))];
        using var file = File.Create(request.OutputsPath!);
        NpzArchive.Write(file, names.Zip(values, (name, list) => KeyValuePair.Create(name, NpyArray.Of(list.ToArray(), list.Count))));
        return scores is [var only] ? only : Together(scores);
    }

    /// <summary>The set or, where it is a folder, those in it.</summary>
    private static IEnumerable<string> SetsOf(string path)
        => Directory.Exists(path) ? Directory.EnumerateFiles(path).Order(StringComparer.Ordinal) : [path];

    private static Scores Run(
        OnnxSession session, ValidationRequest request, string set, string[] names, List<float>[] values)
    {
        using var samples = ValidationSamples.Open(set, session.Inputs, request.Task);
        var judge = VariantJudge.Of(request, session, samples);
        string[] asked = [.. names.Union(judge.Outputs)];
        try
        {
            for (var first = 0; first < samples.Count; first += samples.Batch)
            {
                samples.Fill(first);
                using var outputs = session.Run(samples.Names, samples.Tensors, asked);
                for (var i = 0; i < names.Length; i++) values[i].AddRange(Datatypes.Singles(outputs[i]));
                var judged = judge.Outputs.Select(name => outputs[Array.IndexOf(asked, name)]);
                judge.Add([.. judged], Math.Min(samples.Batch, samples.Count - first));
            }
            return judge.Scores();
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelRefusedException($"ONNX Runtime could not run the model on the validation set: {e.Message}", e);
        }
    }

    /// <summary>The scores of several sets: accuracy, which is a mean over samples.</summary>
    private static Scores Together(Scores[] sets)
    {
        var samples = sets.Sum(set => set.Samples);
        return new Scores
        {
            Accuracy = Array.TrueForAll(sets, set => set.Accuracy is not null)
                ? sets.Sum(set => set.Samples * set.Accuracy) / samples : null,
            Samples = samples,
        };
    }
}
