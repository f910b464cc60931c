using Fleet.Contracts.Inputs;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>A request for predictions, made the model's input.</summary>
/// <param name="input">The input.</param>
/// <param name="samples">A sample of each instance; nothing of those that are longer than one.</param>
/// <param name="unknown">Of each instance, the parts that hold words which training did not meet.</param>
/// <param name="longer">Streams that are longer than a window, at the place of their instance; empty where there are none.</param>
internal sealed class PredictRequest(
    OnnxTensor input, OrtValue samples, IReadOnlyList<string>[] unknown, StreamInstance?[] longer) : IDisposable
{
    /// <summary>Name of the input.</summary>
    public string Name => input.Name;

    /// <summary>A sample of each instance.</summary>
    public OrtValue Samples => samples;

    /// <summary>Of each instance, the parts that hold words which training did not meet.</summary>
    public IReadOnlyList<string>[] Unknown => unknown;

    /// <summary>True where an instance is longer than a window: each window is then run by itself.</summary>
    public bool HasWindows => longer.Length > 0;

    /// <summary>How many answers it has: one of each window, and one of each instance that is one sample.</summary>
    public long Answers => longer.Sum(stream => stream?.Count ?? 1L);

    /// <summary>The stream of an instance; null where it is one sample.</summary>
    public StreamInstance? Longer(int instance) => longer[instance];

    /// <summary>The model's input of one sample.</summary>
    public OrtValue One() => input.Allocate([1, .. input.Shape.Skip(1)]);

    /// <summary>Puts the sample of an instance into <paramref name="one"/>.</summary>
    public void Take(int instance, OrtValue one)
    {
        var taken = one.GetTensorMutableDataAsSpan<float>();
        samples.GetTensorDataAsSpan<float>().Slice(instance * taken.Length, taken.Length).CopyTo(taken);
    }

    /// <inheritdoc/>
    public void Dispose() => samples.Dispose();
}
