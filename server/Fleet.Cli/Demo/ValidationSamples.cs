using Fleet.Cli.Client;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;

namespace Fleet.Cli.Demo;

/// <summary>The labelled samples that travel with a release: real inputs for live traffic, with the answer known.</summary>
internal sealed class ValidationSamples
{
    private const string Labels = "labels";
    private const int MaximumBytes = 256 * 1024 * 1024;

    private readonly float[] _values;
    private readonly int _sampleLength;
    private readonly long[] _labels;

    private ValidationSamples(TensorDescription input, NpyArray values, long[] labels)
    {
        Input = input;
        Shape = [1, .. values.Shape.Skip(1)];
        _values = values.ToSingles();
        _labels = labels;
        _sampleLength = _values.Length / Math.Max(1, labels.Length);
    }

    /// <summary>The input they are for.</summary>
    public TensorDescription Input { get; }

    /// <summary>Extents of one sample, its batch of one included.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>How many there are.</summary>
    public int Count => _labels.Length;

    /// <summary>Fetches the validation set of a release.</summary>
    public static async Task<ValidationSamples> FetchAsync(
        FleetClient client, ReleaseManifest manifest, CancellationToken cancellationToken)
    {
        var bytes = await client.GetArtifactAsync(manifest.ValidationSet.Sha256, MaximumBytes, cancellationToken);
        using var stream = new MemoryStream(bytes);
        var arrays = NpzArchive.Read(stream, MaximumBytes);
        return manifest.Inputs is [{ Datatype: "FP32" } input]
            && arrays.TryGetValue(input.Name, out var values) && arrays.TryGetValue(Labels, out var labels) && labels.Length > 0
            ? new ValidationSamples(input, values, labels.ToInt64s())
            : throw new FleetException(
                $"The validation set of {manifest.Model} {manifest.Version} does not hold "
                    + $"{string.Join(", ", manifest.Inputs.Select(tensor => tensor.Name))} and {Labels}; it holds "
                    + $"{string.Join(", ", arrays.Keys)}.");
    }

    /// <summary>The values of one sample.</summary>
    public ReadOnlySpan<float> Values(int index) => _values.AsSpan(index * _sampleLength, _sampleLength);

    /// <summary>The class one sample is of.</summary>
    public long Label(int index) => _labels[index];
}
