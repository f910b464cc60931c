using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>What samples are labelled with. Each task has a form of its own, which is scored and written here.</summary>
internal abstract record SampleLabels
{
    /// <summary>Labelled samples.</summary>
    public abstract int Count { get; }

    /// <summary>The labels as bytes, for digests.</summary>
    public abstract ReadOnlySpan<byte> Bytes { get; }

    /// <summary>The group of a sample that a cut holds in proportion; 0 where all belong together.</summary>
    public abstract long GroupOf(int sample);

    /// <summary>The labels of some samples, in their order.</summary>
    public abstract SampleLabels Pick(IReadOnlyList<int> samples);

    /// <summary>The figures of outputs against the labels; the first one decides which epoch is best.</summary>
    /// <param name="outputs">A row for each sample.</param>
    public abstract IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs);

    /// <summary>The arrays of a validation set by name.</summary>
    public abstract IReadOnlyDictionary<string, NpyArray> ToArrays();
}
