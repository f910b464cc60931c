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

    /// <summary>Labels of a batch in a view, those of what samples are mixed with beside their own.</summary>
    public BatchLabels Labels(IReadOnlyList<int> indices, int view)
    {
        var own = LabelTensor.Of(samples.Labels, indices, device);
        if (!augmentation.Mixes) return new BatchLabels(own);
        Mixture?[] mixtures = [.. indices.Select(index => augmentation.MixtureOf(samples, index, view))];
        if (mixtures.All(mixture => mixture is null)) return new BatchLabels(own);
        int[] others = [.. mixtures.Zip(indices, (mixture, index) => mixture?.Other ?? index)];
        float[] shares = [.. mixtures.Select(mixture => mixture?.Share ?? 1)];
        return new BatchLabels(own)
        {
            Mixed = (LabelTensor.Of(samples.Labels, others, device), AlignedTensor.Of(shares, [shares.Length], device)),
        };
    }
}

/// <summary>Labels of a batch.</summary>
/// <param name="Own">Of its samples, see <see cref="LabelTensor"/>; of mixtures the class that has the larger part.</param>
internal readonly record struct BatchLabels(Tensor Own)
{
    /// <summary>
    /// Labels of the other parts of mixtures, and the share of each sample's own label, 0.5 to 1; null where nothing is mixed.
    /// </summary>
    public (Tensor Others, Tensor Shares)? Mixed { get; init; }
}
