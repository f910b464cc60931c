using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>Labelled samples, one after the other.</summary>
/// <param name="Values">All values, sample by sample, last axis fastest.</param>
/// <param name="SampleShape">Extents of one sample without the batch: channels and length, channels, height and width, or a length of
/// tokens.</param>
/// <param name="Labels">What each sample is labelled with.</param>
internal sealed record SampleSet(SampleValues Values, IReadOnlyList<int> SampleShape, SampleLabels Labels)
{
    /// <summary>Samples of classes.</summary>
    public SampleSet(float[] inputs, IReadOnlyList<int> sampleShape, long[] classes) : this(inputs, sampleShape, new ClassLabels(classes))
    {
    }

    /// <summary>All values in memory, for what needs them at once.</summary>
    /// <exception cref="BuildException">They are more than one array can hold.</exception>
    public float[] Inputs => Values.ToArray();

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
    public ReadOnlySpan<float> Sample(int index) => Values.Part((long)index * SampleLength, SampleLength);

    /// <summary>The values of some samples in a row, as a model is fed with them.</summary>
    public Memory<float> Batch(int start, int count) => Values.Batch(start, count, SampleLength);

    /// <summary>Appends all values to a digest.</summary>
    public void AppendTo(IncrementalHash hash)
    {
        for (var sample = 0; sample < Count; sample++) hash.AppendData(MemoryMarshal.AsBytes(Sample(sample)));
    }

    /// <summary>The first <paramref name="count"/> samples, or all when there are fewer.</summary>
    public SampleSet Take(int count) => count >= Count ? this : Pick([.. Enumerable.Range(0, count)]);

    /// <summary>These samples, then others of the same shape. Where one has no origins, neither has the whole.</summary>
    public SampleSet Join(SampleSet others) => Count == 0 ? others : others.Count == 0 ? this : this with
    {
        Values = SampleValues.Joined([Values, others.Values], SampleLength),
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
    public SampleSet Pick(IReadOnlyList<int> samples) => this with
    {
        Values = Values.Pick(samples, SampleLength),
        Labels = Labels.Pick(samples),
        Unheard = Unheard?.Pick(samples),
        Origins = Origins is { } origins ? [.. samples.Select(sample => origins[sample])] : null,
    };
}
