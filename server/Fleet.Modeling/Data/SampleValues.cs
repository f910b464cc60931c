namespace Fleet.Modeling.Data;

/// <summary>
/// Values of samples, one sample after the other, wherever they lie: see <see cref="SampleRoom"/>. How many values a sample has is said
/// with each question, for the same values can be looked at in other shapes.
/// </summary>
internal abstract class SampleValues
{
    /// <summary>Where others of their kind are kept.</summary>
    public abstract SampleRoom Room { get; }

    /// <summary>Values in all.</summary>
    public abstract long Length { get; }

    /// <summary>Values in a row, to read and, where they were just made room for, to write. They must be of one sample.</summary>
    public abstract Span<float> Part(long start, int length);

    /// <summary>Some samples in a row, as a model is fed with them. A change of it may change the samples or not.</summary>
    public abstract Memory<float> Batch(int start, int count, int width);

    /// <summary>Samples in another order, or some of them.</summary>
    public abstract SampleValues Pick(IReadOnlyList<int> samples, int width);

    /// <summary>Several of samples as wide, one after the other, in the room of the first.</summary>
    public static SampleValues Joined(IReadOnlyList<SampleValues> parts, int width)
    {
        var (joined, at) = (parts[0].Room.Take(parts.Sum(part => part.Length)), 0L);
        foreach (var part in parts)
        {
            for (long start = 0; start < part.Length; start += width, at += width) part.Part(start, width).CopyTo(joined.Part(at, width));
        }
        return joined;
    }

    /// <summary>All of them.</summary>
    /// <exception cref="BuildException">They are more than one array can hold.</exception>
    public abstract float[] ToArray();

    /// <summary>The same values; what is made of them is kept in a room.</summary>
    public virtual SampleValues In(SampleRoom room) => this;

    /// <summary>Values that lie in memory.</summary>
    public static implicit operator SampleValues(float[] values) => new Held(values, SampleRoom.Memory);

    /// <summary>Values in an array.</summary>
    public sealed class Held(float[] values, SampleRoom room) : SampleValues
    {
        /// <inheritdoc/>
        public override SampleRoom Room => room;

        /// <inheritdoc/>
        public override long Length => values.Length;

        /// <inheritdoc/>
        public override SampleValues In(SampleRoom other) => new Held(values, other);

        /// <inheritdoc/>
        public override Span<float> Part(long start, int length) => values.AsSpan(checked((int)start), length);

        /// <inheritdoc/>
        public override Memory<float> Batch(int start, int count, int width) => values.AsMemory(start * width, count * width);

        /// <inheritdoc/>
        public override SampleValues Pick(IReadOnlyList<int> samples, int width)
        {
            var picked = new float[samples.Count * width];
            for (var i = 0; i < samples.Count; i++) values.AsSpan(samples[i] * width, width).CopyTo(picked.AsSpan(i * width));
            return new Held(picked, room);
        }

        /// <inheritdoc/>
        public override float[] ToArray() => values;
    }
}
