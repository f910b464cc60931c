using Fleet.Contracts.Tensors;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Quantization.Samples;

/// <summary>
/// What was made of files, in one temporary file without a name: it is gone when the process is, however that ends. What finds no room
/// there is made again each time.
/// </summary>
internal sealed class PreparedFiles
{
    /// <summary>Most bytes that are kept. Where temporary files are memory, they count as such.</summary>
    private const long MaximumBytes = 2L << 30;

    private readonly Dictionary<string, (long Start, int[] Shape, int Bytes)> _places = [];
    private SafeFileHandle? _file;
    private long _end;
    private bool _isFull;

    /// <summary>What was kept of a file of floats; null when nothing was.</summary>
    public NpyArray? Find(string path)
    {
        if (!_places.TryGetValue(path, out var place)) return null;
        var bytes = new byte[place.Bytes];
        var read = 0;
        while (read < bytes.Length)
        {
            var count = RandomAccess.Read(_file!, bytes.AsSpan(read), place.Start + read);
            if (count == 0) throw new IOException($"The temporary file of samples ended {bytes.Length - read} bytes early.");
            read += count;
        }
        return new NpyArray("f4", place.Shape, bytes);
    }

    /// <summary>Keeps floats that were made of a file, where there is room.</summary>
    public void Keep(string path, NpyArray array)
    {
        if (_isFull || _end + array.Data.Length > MaximumBytes) return;
        try
        {
            _file ??= Open();
            RandomAccess.Write(_file, array.Data.Span, _end);
            _places[path] = (_end, [.. array.Shape], array.Data.Length);
            _end += array.Data.Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isFull = true;
        }
    }

    private static SafeFileHandle Open()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete);
        File.Delete(path);
        return file;
    }
}
