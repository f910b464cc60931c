using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

/// <summary>
/// A disk that keeps for sure only what was synced. At a power cut each sector that was written since may be on it or not, in any
/// combination. It can also fail to write and to sync; after a sync that failed, what was to be synced is shown to readers and is
/// never on disk, as on Linux.
/// </summary>
internal sealed class UnreliableDisk(int seed)
{
    private const int SectorBytes = 512;

    private readonly Dictionary<string, Content> _files = [];
    private readonly Random _chance = new(seed);

    /// <summary>Writes that still succeed; negative when none fail.</summary>
    public int WritesUntilFailure { get; set; } = -1;

    /// <summary>Syncs that still succeed; negative when none fail.</summary>
    public int SyncsUntilFailure { get; set; } = -1;

    /// <summary>Syncs so far.</summary>
    public int Syncs { get; private set; }

    public IDiskFile Open(string path)
    {
        if (!_files.TryGetValue(path, out var content)) _files[path] = content = new Content();
        return new Handle(this, content);
    }

    /// <summary>The power goes: of what was not synced, chance decides sector by sector.</summary>
    public void CutPower()
    {
        foreach (var content in _files.Values)
        {
            foreach (var change in content.Unsynced.Where(_ => _chance.Next(2) == 0)) change.Apply(content.Durable);
            content.Forget();
        }
    }

    private static void Resize(List<byte> bytes, long length)
    {
        if (length < bytes.Count) bytes.RemoveRange((int)length, bytes.Count - (int)length);
        else bytes.AddRange(new byte[length - bytes.Count]);
    }

    private static void Put(List<byte> bytes, long offset, ReadOnlySpan<byte> written)
    {
        if (bytes.Count < offset + written.Length) Resize(bytes, offset + written.Length);
        written.CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes)[(int)offset..]);
    }

    /// <summary>A sector written, or a length set.</summary>
    private sealed record Change(long Offset, byte[]? Bytes)
    {
        public void Apply(List<byte> to)
        {
            if (Bytes is null) Resize(to, Offset);
            else Put(to, Offset, Bytes);
        }
    }

    private sealed class Content
    {
        public List<byte> Seen { get; private set; } = [];

        public List<byte> Durable { get; } = [];

        public List<Change> Unsynced { get; } = [];

        public void Take(Change change)
        {
            change.Apply(Seen);
            Unsynced.Add(change);
        }

        public void Sync()
        {
            foreach (var change in Unsynced) change.Apply(Durable);
            Unsynced.Clear();
        }

        /// <summary>After the power cut readers see what is on disk.</summary>
        public void Forget()
        {
            Seen = [.. Durable];
            Unsynced.Clear();
        }
    }

    private sealed class Handle(UnreliableDisk disk, Content content) : IDiskFile
    {
        public long Length => content.Seen.Count;

        public int Read(long offset, Span<byte> into)
        {
            var there = (int)Math.Clamp(content.Seen.Count - offset, 0, into.Length);
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(content.Seen)
                .Slice((int)Math.Min(offset, content.Seen.Count), there).CopyTo(into);
            return there;
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            if (disk.WritesUntilFailure == 0) throw new IOException("Input/output error");
            if (disk.WritesUntilFailure > 0) disk.WritesUntilFailure--;
            while (bytes.Length > 0)
            {
                var part = (int)Math.Min(bytes.Length, SectorBytes - offset % SectorBytes);
                content.Take(new Change(offset, bytes[..part].ToArray()));
                offset += part;
                bytes = bytes[part..];
            }
        }

        public void SetLength(long length) => content.Take(new Change(length, null));

        public void Sync()
        {
            disk.Syncs++;
            if (disk.SyncsUntilFailure == 0)
            {
                content.Unsynced.Clear();
                throw new IOException("Input/output error");
            }
            if (disk.SyncsUntilFailure > 0) disk.SyncsUntilFailure--;
            content.Sync();
        }

        public void Dispose()
        {
            // The bytes are the disk's.
        }
    }
}
