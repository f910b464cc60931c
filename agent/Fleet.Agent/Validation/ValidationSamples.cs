using Fleet.Agent.Inference;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Validation;

/// <summary>The samples of a release and what is known of them, fed to a model through tensors that are allocated once.</summary>
internal sealed partial class ValidationSamples : IDisposable
{
    private readonly List<(NpyArray Array, OrtValue Tensor)> _inputs = [];

    private ValidationSamples(int count, int batch, SampleTruth truth) => (Count, Batch, Truth) = (count, batch, truth);

    /// <summary>Samples.</summary>
    public int Count { get; }

    /// <summary>Samples of one run: 1, unless the model asks for a fixed number.</summary>
    public int Batch { get; }

    /// <summary>Labels, and what the float model gave.</summary>
    public SampleTruth Truth { get; }

    /// <summary>Names of the inputs, in the order of <see cref="Tensors"/>.</summary>
    public List<string> Names { get; } = [];

    /// <summary>The tensors that <see cref="Fill"/> writes into.</summary>
    public List<OrtValue> Tensors { get; } = [];

    /// <summary>Reads a set and compares it with what the model takes.</summary>
    /// <exception cref="ModelRefusedException">The set is unreadable, or does not fit the model.</exception>
    public static ValidationSamples Open(string path, IReadOnlyList<OnnxTensor> inputs, ModelTask? task)
    {
        var arrays = Read(path);
        NpyArray ArrayOf(OnnxTensor input) => arrays.GetValueOrDefault(input.Name)
            ?? throw new ModelRefusedException(
                $"The validation set has no array for the model's input {input}; it has {string.Join(", ", arrays.Keys)}.");

        var count = ArrayOf(inputs[0]).Shape is [var first, ..] ? first : 0;
        if (count == 0) throw new ModelRefusedException("The validation set holds no samples.");
        // The first axis is the batch; a file exported with a fixed one is run as it is. Where one of the arrays holds a whole input for
        // each sample, samples go one by one.
        var batched = inputs.All(input => ArrayOf(input).Shape.Count == input.Shape.Length);
        var batch = batched && inputs[0].Shape is [> 0 and var extent, ..] ? (int)extent : 1;
        var samples = new ValidationSamples(count, batch, TruthOf(task ?? SampleTruth.Implied(arrays), arrays, count));
        try
        {
            foreach (var input in inputs) samples.Add(input, ArrayOf(input));
            return samples;
        }
        catch
        {
            samples.Dispose();
            throw;
        }
    }

    /// <summary>Copies the samples from <paramref name="start"/> on into the tensors; past the end the last one is repeated.</summary>
    public void Fill(int start)
    {
        foreach (var (array, tensor) in _inputs)
        {
            var destination = tensor.GetTensorMutableRawData();
            var row = array.Data.Length / Count;
            for (var i = 0; i < Batch; i++)
                array.Data.Span.Slice(Math.Min(start + i, Count - 1) * row, row).CopyTo(destination[(i * row)..]);
        }
    }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        foreach (var tensor in Tensors) tensor.Dispose();
    }

    private void Add(OnnxTensor input, NpyArray array)
    {
        long[] sample = [.. array.Shape.Skip(1).Select(extent => (long)extent)];
        // An array with one axis more than the input holds the whole input for each sample: a recurrent state, a scalar.
        long[] shape = array.Shape.Count == input.Shape.Length + 1 ? sample : [Batch, .. sample];
        if (array.Shape.Count == 0 || array.Shape[0] != Count || !input.Takes(shape))
        {
            var found = $"{Count} samples and '{input.Name}' of shape [{string.Join(',', array.Shape)}]";
            throw new ModelRefusedException($"The validation set has {found}; the model takes {input}.");
        }
        var converted = Convert(array, input);
        var tensor = input.Allocate(shape);
        Names.Add(input.Name);
        Tensors.Add(tensor);
        _inputs.Add((converted, tensor));
    }
}
