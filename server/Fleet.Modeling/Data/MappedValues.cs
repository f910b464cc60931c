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
    public override Memory<float> Batch(int start, int count, int width)
    {
        var values = new float[count * width];
        for (var i = 0; i < count; i++) Part((long)(start + i) * width, width).CopyTo(values.AsSpan(i * width));
        return values;
    }

    /// <inheritdoc/>
    public override SampleValues Pick(IReadOnlyList<int> samples, int width)
    {
        if (Room.IsHeld((long)samples.Count * width))
        {
            var values = new float[samples.Count * width];
            for (var i = 0; i < samples.Count; i++) Part((long)samples[i] * width, width).CopyTo(values.AsSpan(i * width));
            return new Held(values, Room);
        }
        if (_order is not null && width != _width)
            throw new ArgumentException($"{width} is not the width {_width} of a sample.", nameof(width));
        return new MappedValues(this, _order is { } order ? [.. samples.Select(sample => order[sample])] : [.. samples], width);
    }

    /// <inheritdoc/>
    public override float[] ToArray()
    {
        if (Length > Array.MaxLength)
            throw new BuildException($"{Length:N0} values are needed at once here, more than one array can hold: give fewer samples.");
        var values = new float[Length];
        var width = _order is null ? values.Length : _width;
        for (var start = 0; start < values.Length; start += width) Part(start, width).CopyTo(values.AsSpan(start));
        return values;
    }
}
