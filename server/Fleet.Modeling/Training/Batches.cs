using Fleet.Modeling.Data;
using Fleet.Modeling.Torch;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>Shuffles samples and makes tensors of them, the same way for the same seed.</summary>
/// <param name="samples">What is learned from.</param>
/// <param name="size">Samples of a batch.</param>
/// <param name="augmentation">Varies them.</param>
/// <param name="device">Where tensors are made.</param>
/// <param name="isBalanced">True where each class comes equally often.</param>
internal sealed class Batches(SampleSet samples, int size, Augmentation augmentation, Device device, bool isBalanced = false)
{
    private readonly BalancedOrder? _balanced = isBalanced ? new BalancedOrder((ClassLabels)samples.Labels) : null;
    private readonly int[] _order = [.. Enumerable.Range(0, samples.Count)];

    /// <summary>The samples.</summary>
    public SampleSet Samples => samples;

    /// <summary>Batches of an epoch. What does not fill the last one waits for the next epoch's order.</summary>
    public int PerEpoch => samples.Count / size;

    /// <summary>The batches of one epoch, in a new order.</summary>
    public IEnumerable<(int[] Indices, int Number)> Of(int epoch)
    {
        // From the same beginning each time: an epoch's order does not depend on which epochs this process went through.
        for (var i = 0; i < _order.Length; i++) _order[i] = i;
        var random = new Random(unchecked(augmentation.Seed * 31 + epoch));
        if (_balanced is { } balanced) balanced.Fill(_order, random);
        else random.Shuffle(_order);
        for (var number = 0; number < PerEpoch; number++) yield return (_order[(number * size)..((number + 1) * size)], number);
    }

    /// <summary>Values of a batch.</summary>
    public Tensor Inputs(ReadOnlySpan<int> indices, int view)
    {
        var values = new float[indices.Length * samples.SampleLength];
        for (var i = 0; i < indices.Length; i++)
            augmentation.Write(samples, indices[i], view, values.AsSpan(i * samples.SampleLength, samples.SampleLength));
        return AlignedTensor.Of(values, [indices.Length, .. samples.SampleShape.Select(extent => (long)extent)], device);
    }

    /// <summary>Labels of a batch.</summary>
    public Tensor Labels(IReadOnlyList<int> indices) => LabelTensor.Of(samples.Labels, indices, device);
}
