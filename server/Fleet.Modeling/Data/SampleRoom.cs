using System.IO.MemoryMappedFiles;

namespace Fleet.Modeling.Data;

/// <summary>
/// Where the values of samples are kept: in memory while they are a small part of it, and beyond that in files of a folder, which have
/// no name, so that nothing is left of them however the process ends. Samples are then bounded by the disk and not by memory.
/// </summary>
internal sealed class SampleRoom : IDisposable
{
    /// <summary>Part of the memory that values in one piece may take: a build holds some of them at once, and networks.</summary>
    private const int PartOfMemory = 16;

    private readonly string? _folder;
    private readonly long _mostHeld;
    private readonly List<MemoryMappedViewAccessor> _views = [];

    private SampleRoom(string? folder, long mostHeld) => (_folder, _mostHeld) = (folder, mostHeld);

    /// <summary>Memory alone.</summary>
    public static SampleRoom Memory { get; } = new(null, Array.MaxLength);

    /// <summary>Memory, and a folder for what is too large for it.</summary>
    /// <param name="folder">The folder, which need not exist.</param>
    /// <param name="mostHeld">Most values that are held in memory in one piece; null for a sixteenth of what this process may have.</param>
    public static SampleRoom In(string folder, long? mostHeld = null) => new(folder,
        Math.Min(Array.MaxLength, mostHeld ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PartOfMemory / sizeof(float)));

    /// <summary>True when it was given back: nothing that it kept may be looked at.</summary>
    public bool IsGone { get; private set; }

    /// <summary>True for so many values that are held in memory.</summary>
    public bool IsHeld(long length) => length <= _mostHeld;

    /// <summary>Room for so many values, all zero.</summary>
    /// <param name="length">How many.</param>
    /// <exception cref="BuildException">There is none.</exception>
    public SampleValues Take(long length)
    {
        ObjectDisposedException.ThrowIf(IsGone, this);
        if (IsHeld(length)) return new SampleValues.Held(new float[length], this);
        if (_folder is null)
            throw new BuildException($"{length:N0} values are more than one array can hold: give fewer samples, or smaller ones.");
        var bytes = length * sizeof(float);
        try
        {
            Directory.CreateDirectory(_folder);
            var path = Path.Combine(_folder, Path.GetRandomFileName());
            // The blocks are taken now: a full disk is told here, and not by the signal that a write to mapped memory would end with.
            using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.Delete,
                PreallocationSize = bytes,
            });
            File.Delete(path);
            file.SetLength(bytes);
            using var mapped = MemoryMappedFile.CreateFromFile(file, null, bytes, MemoryMappedFileAccess.ReadWrite,
                HandleInheritability.None, leaveOpen: true);
            var view = mapped.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.ReadWrite);
            lock (_views) _views.Add(view);
            return new MappedValues(view, length, this);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BuildException($"The samples need {bytes / 1e9:0.0} GB in {_folder}, which cannot be had: {e.Message.TrimEnd('.')}. "
                + "Make room there, or give fewer samples.", e);
        }
    }

    /// <summary>Gives the files back. What it kept may no longer be looked at.</summary>
    public void Dispose()
    {
        IsGone = _folder is not null;
        // Unmapped without being written out: nothing of it is read again.
        foreach (var view in _views) view.SafeMemoryMappedViewHandle.Dispose();
        _views.Clear();
    }
}
