using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Fleet.Modeling.Teachers;

/// <summary>The part that keeps answers on disk.</summary>
internal sealed partial class TeacherOutputs
{
    private FileStream Open(int view, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_folder, $"{_key}-{view}.f32");
        var bytes = (long)_training.Count * _width * sizeof(float);
        if (new FileInfo(path) is not { Exists: true } found || found.Length != bytes) Write(path, view, cancellationToken);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete,
            bufferSize: 0, FileOptions.RandomAccess);
    }

    private void Write(string path, int view, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_folder);
        MakeRoom();
        var partial = path + ".partial";
        using (var file = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            int[] samples = [.. Enumerable.Range(0, _training.Count)];
            var rows = new float[BatchSize * _width];
            var inputs = new float[BatchSize * _training.SampleLength];
            foreach (var batch in samples.Chunk(BatchSize))
            {
                Ask(view, batch, rows, inputs, cancellationToken);
                file.Write(MemoryMarshal.AsBytes(rows.AsSpan(0, batch.Length * _width)));
            }
        }
        // No flush to the disk: what a power cut leaves shorter is asked again.
        File.Move(partial, path, overwrite: true);
    }

    // What earlier builds left goes, the oldest first, until this one's answers fit.
    private void MakeRoom()
    {
        foreach (var left in Directory.EnumerateFiles(_folder, "*.partial")) File.Delete(left);
        FileInfo[] others = [
            .. new DirectoryInfo(_folder).GetFiles("*.f32").Where(file => !file.Name.StartsWith(_key, StringComparison.Ordinal))
                .OrderBy(file => file.LastWriteTimeUtc),
        ];
        var taken = Bytes + others.Sum(file => file.Length);
        foreach (var file in others.TakeWhile(_ => taken > Limit))
        {
            taken -= file.Length;
            file.Delete();
        }
    }

    private string Key(IReadOnlyList<string> features)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in _teacher.Files)
        {
            using var file = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(file));
        }
        hash.AppendData(Encoding.UTF8.GetBytes(_teacher.Manners));
        _training.AppendTo(hash);
        hash.AppendData(Encoding.UTF8.GetBytes($"{string.Join(",", _training.SampleShape)}|{string.Join(",", features)}|{_augmentation}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 12));
    }

    private static void Read(Microsoft.Win32.SafeHandles.SafeFileHandle file, Span<byte> destination, long offset)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(file, destination, offset);
            if (read == 0) throw new EndOfStreamException("The kept answers of the teacher became shorter while they were read.");
            destination = destination[read..];
            offset += read;
        }
    }
}
