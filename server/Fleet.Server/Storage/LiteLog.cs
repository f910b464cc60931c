using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Fleet.Server.Storage;

/// <summary>
/// The log beneath LiteDB: pages in the order they were written, each in a frame with a checksum. LiteDB itself takes any page it
/// finds; a power cut in the middle of a group would leave it with half a transaction. Here the log ends at the first frame that
/// is not whole, so that a group is either there or not.
/// </summary>
/// <remarks>
/// <code>
/// header, 64 bytes: magic (8), version (4), generation (4), salt (8), bytes of the database when the generation began (8), CRC-32C (4)
/// frame, 8,208 bytes: frames known to be on disk when it was written (8), CRC-32C of salt, place, that number and page (4), zero (4), page
/// (8,192)
/// </code>
/// A generation ends with a checkpoint; frames of the one before stay in the file, and the salt tells them apart.
/// </remarks>
internal sealed class LiteLog(IDiskFile file)
{
    /// <summary>Bytes of a page.</summary>
    public const int PageBytes = 8192;

    /// <summary>Bytes of the header.</summary>
    public const int HeaderBytes = 64;

    /// <summary>Bytes of a page with what stands before it.</summary>
    public const int FrameBytes = FrameHeaderBytes + PageBytes;

    private const int FrameHeaderBytes = 16;
    private const int HeaderFields = 32;
    private const int Version = 1;

    private static ReadOnlySpan<byte> Magic => "FLEETLOG"u8;

    private readonly byte[] _frame = new byte[FrameBytes];
    private ulong _salt;

    /// <summary>Counts checkpoints, from 1.</summary>
    public int Generation { get; private set; }

    /// <summary>Bytes the database had when this generation began: it never has fewer.</summary>
    public long DatabaseBytes { get; private set; }

    /// <summary>Pages written in this generation.</summary>
    public long Pages { get; private set; }

    /// <summary>How many of them are known to be on disk.</summary>
    public long SyncedPages { get; private set; }

    /// <summary>True when that file begins as a log of this program does.</summary>
    public static bool Begins(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> begin = stackalloc byte[8];
        return file.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false) == begin.Length && begin.SequenceEqual(Magic);
    }

    /// <summary>Begins an empty generation. On disk with the next sync.</summary>
    public void Begin(int generation, long databaseBytes)
    {
        var header = new byte[HeaderBytes];
        var salt = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), generation);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(16), salt);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), databaseBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(HeaderFields), Checksum(0, header.AsSpan(0, HeaderFields)));
        file.Write(0, header);
        (Generation, DatabaseBytes, _salt, Pages, SyncedPages) = (generation, databaseBytes, salt, 0, 0);
    }

    /// <summary>Reads what a process before has left.</summary>
    /// <returns>What is wrong with it, in a sentence; null when nothing is.</returns>
    public string? Read()
    {
        var header = new byte[HeaderBytes];
        if (file.Read(0, header) < HeaderBytes || !header.AsSpan(0, Magic.Length).SequenceEqual(Magic))
            return "it does not begin as a log does";
        if (BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8)) is not Version and var version)
            return $"it is of version {version}; this program reads version {Version}";
        if (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(HeaderFields)) != Checksum(0, header.AsSpan(0, HeaderFields)))
            return "its first bytes are damaged";
        Generation = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12));
        _salt = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(16));
        DatabaseBytes = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24));

        var frames = (file.Length - HeaderBytes) / FrameBytes;
        Pages = 0;
        while (Pages < frames && ReadFrame(Pages)) Pages++;
        // A frame that was lost before anybody was answered ends the log. One that was on disk when a later one was written does not
        // get lost: the file was damaged, and what was acknowledged is gone.
        for (var later = Pages + 1; later < frames; later++)
        {
            if (ReadFrame(later) && BinaryPrimitives.ReadInt64LittleEndian(_frame) > Pages)
                return $"page {Pages} of it is damaged, and what was stored after it depends on that page";
        }
        return null;
    }

    /// <summary>Cuts everything behind the first <paramref name="pages"/> pages, for good.</summary>
    public void CutTo(long pages)
    {
        file.SetLength(HeaderBytes + pages * FrameBytes);
        file.Sync();
        Pages = SyncedPages = pages;
    }

    /// <summary>Reads the page at that place.</summary>
    /// <returns>Bytes read.</returns>
    public int ReadPage(long position, Span<byte> into)
    {
        var (page, within) = Math.DivRem(position, PageBytes);
        if (page >= Pages) return 0;
        return file.Read(OffsetOf(page) + FrameHeaderBytes + within, into[..(int)Math.Min(into.Length, PageBytes - within)]);
    }

    /// <summary>Writes a page behind the last.</summary>
    /// <exception cref="InvalidOperationException">It belongs elsewhere: a log is only appended to.</exception>
    public void Append(long position, ReadOnlySpan<byte> page)
    {
        if (position != Pages * PageBytes || page.Length != PageBytes)
            throw new InvalidOperationException(
                $"{page.Length} bytes were written at {position} of the log, which ends at {Pages * PageBytes}: the database no longer "
                    + $"writes as this log expects.");
        page.CopyTo(_frame.AsSpan(FrameHeaderBytes));
        BinaryPrimitives.WriteInt64LittleEndian(_frame, SyncedPages);
        BinaryPrimitives.WriteUInt32LittleEndian(_frame.AsSpan(8), ChecksumOf(Pages));
        file.Write(OffsetOf(Pages), _frame);
        Pages++;
    }

    /// <summary>Returns when every page is on disk.</summary>
    public void Sync()
    {
        file.Sync();
        SyncedPages = Pages;
    }

    private static long OffsetOf(long page) => HeaderBytes + page * FrameBytes;

    private bool ReadFrame(long page)
        => file.Read(OffsetOf(page), _frame) == FrameBytes && BinaryPrimitives.ReadUInt32LittleEndian(_frame.AsSpan(8)) == ChecksumOf(page);

    private uint ChecksumOf(long page)
    {
        var begun = BitOperations.Crc32C(BitOperations.Crc32C(uint.MaxValue, _salt), (ulong)page);
        return Checksum(Checksum(begun, _frame.AsSpan(0, sizeof(long))), _frame.AsSpan(FrameHeaderBytes));
    }

    /// <summary>CRC-32C: one instruction for eight bytes on every processor this runs on.</summary>
    private static uint Checksum(uint begun, ReadOnlySpan<byte> bytes)
    {
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes)) begun = BitOperations.Crc32C(begun, word);
        return begun;
    }
}
