namespace Fleet.Contracts.Releases;

/// <summary>Reads a bundle from its first byte to its last, a file at a time, and refuses whatever is not a bundle.</summary>
public static class BundleReader
{
    /// <summary>Hands over every file in order.</summary>
    /// <param name="bundle">The bytes.</param>
    /// <param name="take">Gets a name, a length and the content; what it leaves unread is passed over.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="FormatException">It is not a bundle; the message says why.</exception>
    public static async Task ReadAsync(
        Stream bundle, Func<string, long, Stream, Task> take, CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var block = new byte[BundleFormat.BlockBytes];
        while (true)
        {
            if (await bundle.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellationToken) < block.Length)
                throw new FormatException("It ends in the middle: it was cut short.");
            if (BundleFormat.ReadHeader(block) is not var (name, length)) return;
            if (!names.Add(name)) throw new FormatException($"'{name}' stands in it twice.");
            if (names.Count > BundleFormat.MaximumFiles)
                throw new FormatException($"It holds more than {BundleFormat.MaximumFiles} files.");
            if (length > MaximumOf(name))
                throw new FormatException($"'{name}' announces {length:#,0} bytes; at most {MaximumOf(name):#,0} are read.");
            await using var content = new BundleContent(bundle, length);
            await take(name, length, content);
            await content.PassAsync(BundleFormat.PaddingOf(length), cancellationToken);
        }
    }

    private static long MaximumOf(string name) => name switch
    {
        BundleFormat.EnvelopeName => Limits.ManifestBytes,
        BundleFormat.SignatureName => ModelSignature.MaximumBytes,
        BundleFormat.OrderName => Limits.DesiredStateBytes,
        _ => Limits.ArtifactBytes,
    };

    /// <summary>The content of one file: that many bytes of the bundle, and no more.</summary>
    private sealed class BundleContent(Stream bundle, long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public async Task PassAsync(int padding, CancellationToken cancellationToken)
        {
            var waste = new byte[16 * 1024];
            while (await ReadAsync(waste, cancellationToken) > 0)
            {
                // What nobody read.
            }
            _left = padding;
            while (await ReadAsync(waste, cancellationToken) > 0)
            {
                // What fills the last block.
            }
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left == 0 || buffer.Length == 0) return 0;
            var read = await bundle.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], cancellationToken);
            if (read == 0) throw new FormatException("It ends in the middle: it was cut short.");
            _left -= read;
            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
