using System.Buffers;
using System.Globalization;
using System.IO.MemoryMappedFiles;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Quantization.Onnx;

/// <summary>A file of weights as memory that nobody may change. It stays mapped as long as somebody has bytes of it.</summary>
internal sealed unsafe class MappedPages : MemoryManager<byte>
{
    // Unmaps when nobody can reach it any more: bytes reach this, and this reaches it.
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _first;
    private readonly int _length;

    private MappedPages(MemoryMappedViewAccessor view, long length)
    {
        _view = view;
        _length = (int)length;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _first);
        view.SafeMemoryMappedViewHandle.ReleasePointer();
    }

    /// <summary>
    /// The file at <paramref name="path"/>; null where it is larger than one span, and where a file that is mapped cannot be removed.
    /// </summary>
    public static MappedPages? Of(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > int.MaxValue || OperatingSystem.IsWindows()) return null;
        using var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        return new MappedPages(file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), length);
    }

    /// <summary>The bytes of a tensor that lies in the file.</summary>
    public ByteString BytesOf(TensorProto tensor)
    {
        int Number(string key)
            => int.Parse(tensor.ExternalData.Single(entry => entry.Key == key).Value, NumberStyles.None, CultureInfo.InvariantCulture);
        return UnsafeByteOperations.UnsafeWrap(Memory.Slice(Number("offset"), Number("length")));
    }

    /// <summary>Gives the memory of what was read back to the system, which has it still in the file.</summary>
    public void LetGo() => MemoryAdvice.LetGo(_first, _length);

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_first, _length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new(_first + elementIndex, pinnable: this);

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _view.Dispose();
    }
}
