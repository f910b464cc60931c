namespace Fleet.Server.Storage;

/// <summary>
/// One of the database's files as LiteDB wants it: a stream with a position. What its calls mean is decided where it is made.
/// </summary>
internal sealed class LiteStream(
    Func<long> length, LiteStream.Reading read, LiteStream.Writing write, Action<long> setLength, Action flush) : Stream
{
    /// <summary>Reads at a place; returns how many bytes there were.</summary>
    public delegate int Reading(long position, Span<byte> into);

    /// <summary>Writes at a place.</summary>
    public delegate void Writing(long position, ReadOnlySpan<byte> bytes);

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => length();

    /// <inheritdoc/>
    public override long Position { get; set; }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        var done = read(Position, buffer.AsSpan(offset, count));
        Position += done;
        return done;
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        write(Position, buffer.AsSpan(offset, count));
        Position += count;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    /// <inheritdoc/>
    public override void SetLength(long value) => setLength(value);

    /// <inheritdoc/>
    public override void Flush() => flush();
}
