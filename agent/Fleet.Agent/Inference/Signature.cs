using Fleet.Contracts.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>Compares the tensors a release promises with those its ONNX file has: applications are written against the promise.</summary>
internal static class Signature
{
    /// <summary>A sentence for every promised tensor that the file does not have like that.</summary>
    public static IReadOnlyList<string> ProblemsOf(
        ServedModel promised, IReadOnlyList<OnnxTensor> inputs, IReadOnlyList<OnnxTensor> outputs)
    {
        var problems = new List<string>();
        Compare("input", promised.Inputs, inputs);
        Compare("output", promised.Outputs, outputs);
        if (promised.Inputs.Count > 0)
        {
            foreach (var input in inputs.Where(input => promised.Inputs.All(other => other.Name != input.Name)))
                problems.Add($"The file asks for an input {input}, which the release does not name.");
        }
        return problems;

        void Compare(string kind, IReadOnlyList<TensorDescription> promises, IReadOnlyList<OnnxTensor> actual)
        {
            foreach (var promise in promises)
            {
                if (actual.FirstOrDefault(tensor => tensor.Name == promise.Name) is not { } tensor)
                    problems.Add($"The file has no {kind} '{promise.Name}'; it has {string.Join(", ", actual)}.");
                else if (tensor.Datatype != promise.Datatype || !Fits(tensor.Shape, promise.Shape))
                    problems.Add($"The file's {kind} is {tensor}, not {promise.Datatype} [{string.Join(',', promise.Shape)}].");
            }
        }
    }

    private static bool Fits(long[] actual, IReadOnlyList<long> promised)
        => actual.Length == promised.Count
            && actual.Zip(promised).All(pair => pair.First == pair.Second || pair.First < 0 || pair.Second < 0);
}
