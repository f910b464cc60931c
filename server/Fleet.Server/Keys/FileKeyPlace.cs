using Fleet.Contracts.Trust;
using Fleet.Platform;

namespace Fleet.Server.Keys;

/// <summary>
/// A key in a file. A new one waits under a name of its own until a root names it, and only then takes the place of the one before:
/// whatever a killed server leaves behind, the roots say which key counts.
/// </summary>
/// <param name="File">The file.</param>
internal sealed record FileKeyPlace(string File) : IKeyPlace
{
    private string Waiting => File + ".next";

    /// <inheritdoc/>
    public string Name => File;

    /// <summary>True when a file is there and holds something.</summary>
    public static bool Exists(string file) => new FileInfo(file) is { Exists: true, Length: > 0 };

    /// <inheritdoc/>
    public SigningKey? Open(TrustRole role) => Open(File, role);

    /// <inheritdoc/>
    public SigningKey Prepare(IReadOnlySet<string> named) => SigningKey.OpenOrCreate(Waiting);

    /// <inheritdoc/>
    public bool Has(TrustRole role)
    {
        using var inUse = Open(File, role);
        using var waiting = inUse is null ? Open(Waiting, role) : null;
        return inUse is not null || waiting is not null;
    }

    /// <inheritdoc/>
    /// <remarks>Devices that have not followed yet trust a key that was replaced: it must not lie about.</remarks>
    public void Settle(TrustRole role, IReadOnlySet<string> named)
    {
        if (Exists(Waiting) && IsNamed(Waiting, role.Keys.Contains)) DurableFile.MoveIntoPlace(Waiting, File);
        if (!Exists(File) || !IsNamed(File, id => named.Contains(id) && !role.Keys.Contains(id))) return;
        System.IO.File.Delete(File);
        DurableFile.FlushFolder(Path.GetDirectoryName(File)!);
    }

    private static bool IsNamed(string file, Predicate<string> isNamed)
    {
        using var key = SigningKey.Open(file);
        return isNamed(key.Public.Id);
    }

    private static SigningKey? Open(string file, TrustRole role)
    {
        if (!Exists(file)) return null;
        var key = SigningKey.Open(file);
        if (role.Keys.Contains(key.Public.Id)) return key;
        key.Dispose();
        return null;
    }
}
