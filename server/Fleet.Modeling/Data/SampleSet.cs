using Fleet.Contracts.Inputs;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>Labelled samples in memory, one after the other.</summary>
/// <param name="Inputs">All values, sample by sample, last axis fastest.</param>
/// <param name="SampleShape">Extents of one sample without the batch: channels and length, channels, height and width, or a length of
/// tokens.</param>
/// <param name="Labels">What each sample is labelled with.</param>
internal sealed record SampleSet(float[] Inputs, IReadOnlyList<int> SampleShape, SampleLabels Labels)
{
    /// <summary>Samples of classes.</summary>
    public SampleSet(float[] inputs, IReadOnlyList<int> sampleShape, long[] classes) : this(inputs, sampleShape, new ClassLabels(classes))
    {
    }

    /// <summary>
    /// Whose numbers the values are; null for measured values. Numbers of tokens are kept as floats like everything else,
    /// exact up to 16,777,216, and become 64-bit integers where a model is fed.
    /// </summary>
    public Vocabulary? Vocabulary { get; init; }

    /// <summary>
    /// Which thing each sample comes from, such as a machine: a cut keeps its samples together. Null where samples are of different things.
    /// </summary>
    public int[]? Origins { get; init; }

    /// <summary>
    /// The samples as an application gives them, where a front end made these of them; null where these are it. An exported student takes
    /// those, see <see cref="SampleSetFeeds.Given"/>.
    /// </summary>
    public SampleSet? Unheard { get; init; }

    /// <summary>True for features of sound, a row a band and a column a moment.</summary>
    public bool IsSpectrum => Unheard is not null;

    /// <summary>Values of one sample.</summary>
    public int SampleLength { get; } = SampleShape.Aggregate(1, (product, extent) => product * extent);

    /// <summary>Samples.</summary>
    public int Count => Labels.Count;

    /// <summary>The class of each sample, where they have classes.</summary>
    public long[] ClassNumbers => ((ClassLabels)Labels).Numbers;

    /// <summary>The labels in the form that server and device judge by.</summary>
    public SampleTruth Truth(ModelTask task) => SampleTruth.Read(task, Labels.ToArrays(), Count);

    /// <summary>The values of one sample.</summary>
    public ReadOnlySpan<float> Sample(int index) => Inputs.AsSpan(index * SampleLength, SampleLength);

    /// <summary>The first <paramref name="count"/> samples, or all when there are fewer.</summary>
    public SampleSet Take(int count) => count >= Count ? this : Pick([.. Enumerable.Range(0, count)]);

    /// <summary>These samples, then others of the same shape. Where one has no origins, neither has the whole.</summary>
    public SampleSet Join(SampleSet others) => Count == 0 ? others : others.Count == 0 ? this : this with
    {
        Inputs = [.. Inputs, .. others.Inputs],
        Labels = (Labels, others.Labels) switch
        {
            (ClassLabels own, ClassLabels more) => new ClassLabels([.. own.Numbers, .. more.Numbers]),
            (LabelSets own, LabelSets more) => new LabelSets([.. own.Given, .. more.Given], own.Columns),
            (ValueLabels own, ValueLabels more) => own with { Values = [.. own.Values, .. more.Values] },
            var (own, more) => throw new NotSupportedException($"{own.GetType().Name} and {more.GetType().Name} are not joined."),
        },
        Origins = null,
        // What is put together is learned from, never exported.
        Unheard = null,
    };

    /// <summary>Some of the samples, in the order of their numbers.</summary>
    public SampleSet Pick(IReadOnlyList<int> samples)
    {
        var inputs = new float[samples.Count * SampleLength];
        for (var i = 0; i < samples.Count; i++) Sample(samples[i]).CopyTo(inputs.AsSpan(i * SampleLength));
        return this with
        {
            Inputs = inputs,
            Labels = Labels.Pick(samples),
            Unheard = Unheard?.Pick(samples),
            Origins = Origins is { } origins ? [.. samples.Select(sample => origins[sample])] : null,
        };
    }
}
