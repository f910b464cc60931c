using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Platform;

namespace Fleet.Server.Keys;

/// <summary>
/// The files of trust in <c>keys/</c>. A new key waits under a name of its own until a root names it, and only then takes the place of
/// the one before: whatever a killed server leaves behind, the roots say which key counts.
/// </summary>
/// <param name="Path">The folder.</param>
internal sealed record KeyFolder(string Path)
{
    private const string Waiting = ".next";

    /// <summary>Every root there was, signed, in order.</summary>
    public string Roots => File("roots.json");

    /// <summary>Signs the next root, unless it is kept elsewhere.</summary>
    public string RootKey => File("root.key");

    /// <summary>Signs releases.</summary>
    public string ReleaseKey => File("release.key");

    /// <summary>Signs orders to devices.</summary>
    public string OrderKey => File("orders.key");

    /// <summary>The roots, or null when there are none yet.</summary>
    /// <exception cref="InvalidDataException">They were lost, or do not follow each other.</exception>
    public IReadOnlyList<DsseEnvelope>? ReadRoots()
    {
        if (DurableFile.Read(Roots) is not { Length: > 0 } content)
            return Exists(RootKey) || Exists(OrderKey) ? throw Broken("it is missing or empty") : null;
        try
        {
            var roots = JsonSerializer.Deserialize(content, FleetJson.Default.IReadOnlyListDsseEnvelope);
            if (roots is not [var first, ..]) throw Broken("it names no root");
            var begin = RootChain.First(first, null);
            var fault = begin.Root is { } root ? RootChain.Walk(root, roots.Skip(1)).Refused : begin;
            return fault is null ? roots : throw Broken(fault.Reason);
        }
        catch (JsonException e)
        {
            throw Broken(e.Message);
        }
    }

    /// <summary>Stores the roots in one step.</summary>
    public void WriteRoots(IReadOnlyList<DsseEnvelope> roots)
        => DurableFile.Write(Roots, JsonSerializer.SerializeToUtf8Bytes(roots, FleetJson.Default.IReadOnlyListDsseEnvelope));

    /// <summary>A new key that is to take the place of that one; made once, however often it is asked for.</summary>
    public static SigningKey Prepare(string file) => SigningKey.OpenOrCreate(file + Waiting);

    /// <summary>Puts the key that waits into place, if a role names it.</summary>
    public static void Settle(string file, TrustRole role)
    {
        if (!Exists(file + Waiting)) return;
        using (var next = SigningKey.Open(file + Waiting))
            if (!role.Keys.Contains(next.Public.Id)) return;
        DurableFile.MoveIntoPlace(file + Waiting, file);
    }

    /// <summary>The key of a file, when it is there and a role names it.</summary>
    public static SigningKey? Open(string file, TrustRole role)
    {
        if (!Exists(file)) return null;
        var key = SigningKey.Open(file);
        if (role.Keys.Contains(key.Public.Id)) return key;
        key.Dispose();
        return null;
    }

    /// <summary>True when a key that a role names is in the file, or waits for it.</summary>
    public static bool Has(string file, TrustRole role)
    {
        using var inUse = Open(file, role);
        using var waiting = inUse is null ? Open(file + Waiting, role) : null;
        return inUse is not null || waiting is not null;
    }

    private static bool Exists(string file) => new FileInfo(file) is { Exists: true, Length: > 0 };

    private string File(string name) => System.IO.Path.Combine(Path, name);

    private InvalidDataException Broken(string reason) => new($"{Roots} says whose keys devices trust, and {reason}. Restore the whole "
        + "folder from one backup.");
}
