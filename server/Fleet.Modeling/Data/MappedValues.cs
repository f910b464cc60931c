using System.IO.MemoryMappedFiles;
using Fleet.Quantization.Onnx;

namespace Fleet.Modeling.Data;

/// <summary>
/// Values in a file that is mapped: the system holds in memory what is looked at and takes the memory back where others need it. Samples in
/// another order are these and their order, not a copy.
/// </summary>
internal sealed unsafe class MappedValues : SampleValues
{
    private readonly float* _first;
    private readonly int[]? _order;
    private readonly int _width;

    /// <param name="view">The file, mapped to be written; it is the room's to unmap.</param>
    /// <param name="length">Values in it.</param>
    /// <param name="room">Where it lies.</param>
    public MappedValues(MemoryMappedViewAccessor view, long length, SampleRoom room)
    {
        (Length, Room) = (length, room);
        byte* first = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref first);
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        _first = (float*)first;
        // Samples are learned from in another order in every epoch.
        MemoryAdvice.IsReadAtRandom(first, length * sizeof(float));
    }

    private MappedValues(MappedValues all, int[] order, int width)
    {
        _first = all._first;
        (Room, Length, _order, _width) = (all.Room, (long)order.Length * width, order, width);
    }

    /// <inheritdoc/>
    public override SampleRoom Room { get; }

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    public override Span<float> Part(long start, int length)
    {
        ObjectDisposedException.ThrowIf(Room.IsGone, Room);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + length, Length);
        if (_order is null || length == 0) return new Span<float>(_first + start, length);
        var (sample, within) = Math.DivRem(start, _width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(within + length, _width, nameof(length));
        return new Span<float>(_first + (long)_order[sample] * _width + within, length);
    }

    /// <inheritdoc/>
    public override Memory<float> Batch(int start, int count, int width) => Gathered(Enumerable.Range(start, count), count, width);

    /// <inheritdoc/>
    public override SampleValues Pick(IReadOnlyList<int> samples, int width)
    {
        if (Room.IsHeld((long)samples.Count * width)) return new Held(Gathered(samples, samples.Count, width), Room);
        if (_order is not null && width != _width)
            throw new ArgumentException($"{width} is not the width {_width} of a sample.", nameof(width));
        return new MappedValues(this, _order is { } order ? [.. samples.Select(sample => order[sample])] : [.. samples], width);
    }

    /// <inheritdoc/>
    public override float[] ToArray()
    {
        if (Length > Array.MaxLength)
            throw new BuildException($"{Length:N0} values are needed at once here, more than one array can hold: give fewer samples.");
        return _order is { Length: var count } ? Gathered(Enumerable.Range(0, count), count, _width) : Part(0, (int)Length).ToArray();
    }

    private float[] Gathered(IEnumerable<int> samples, int count, int width)
    {
        var (values, at) = (new float[count * width], 0);
        foreach (var sample in samples)
        {
            Part((long)sample * width, width).CopyTo(values.AsSpan(at));
            at += width;
        }
        return values;
    }
}
