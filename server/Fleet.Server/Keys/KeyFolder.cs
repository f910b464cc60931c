using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Platform;

namespace Fleet.Server.Keys;

/// <summary>The files of trust in <c>keys/</c>.</summary>
/// <param name="Path">The folder.</param>
internal sealed record KeyFolder(string Path)
{
    /// <summary>Every root there was, signed, in order.</summary>
    public string Roots => File("roots.json");

    /// <summary>Signs the next root, unless it is kept elsewhere.</summary>
    public string RootKey => File("root.key");

    /// <summary>Signs releases.</summary>
    public string ReleaseKey => File("release.key");

    /// <summary>Signs orders to devices.</summary>
    public string OrderKey => File("orders.key");

    /// <summary>The folder of keys in a data folder.</summary>
    public static KeyFolder In(string dataFolder) => new(System.IO.Path.Combine(dataFolder, "keys"));

    /// <summary>The roots, or null when there are none yet.</summary>
    /// <param name="known">Those that the database knows; null where there is no database yet.</param>
    /// <exception cref="InvalidDataException">They were lost, or are not those that the database knows.</exception>
    public IReadOnlyList<DsseEnvelope>? ReadRoots(IReadOnlyList<DsseEnvelope>? known)
    {
        if (ProblemOfRoots(known ?? []) is { } problem)
        {
            throw new InvalidDataException($"{Roots} says whose keys devices trust, and {problem}. Restore the whole data folder from one "
                + $"backup{(known is [] or null ? "" : OrWriteAgain())}.");
        }
        // A folder from before there were roots: its devices trust the key that signs releases.
        if (!FileKeyPlace.Exists(Roots) && known is not null && !FileKeyPlace.Exists(ReleaseKey))
        {
            throw new InvalidDataException($"{ReleaseKey} is missing or empty, and devices refuse whatever another key signs. Restore the "
                + "whole data folder from one backup, or start with a new folder and enroll every device again.");
        }
        return RootsAsTheyAre(out _);
    }

    /// <summary>What is wrong with the roots here beside those that the database knows, as half a sentence; null when nothing is.</summary>
    public string? ProblemOfRoots(IReadOnlyList<DsseEnvelope> known)
    {
        if (RootsAsTheyAre(out var broken) is not { } roots)
            return broken ?? (known.Count > 0 || FileKeyPlace.Exists(RootKey) || FileKeyPlace.Exists(OrderKey)
                ? "it is missing or empty"
                : null);
        var shared = Math.Min(roots.Count, known.Count);
        if (!roots.Take(shared).Select(root => root.Digest()).SequenceEqual(known.Take(shared).Select(root => root.Digest())))
            return "its roots are not those that the database knows: keys and database are of different fleets or backups";
        return roots.Count < known.Count
            ? $"it ends with root {roots.Count} while the database knows root {known.Count}: the keys are from an older backup"
            : null;
    }

    /// <summary>Stores the roots in one step.</summary>
    public void WriteRoots(IReadOnlyList<DsseEnvelope> roots)
        => DurableFile.Write(Roots, JsonSerializer.SerializeToUtf8Bytes(roots, FleetJson.Default.IReadOnlyListDsseEnvelope));

    /// <summary>The roots of the file; null with the reason when they do not read, and without one when there are none.</summary>
    private IReadOnlyList<DsseEnvelope>? RootsAsTheyAre(out string? problem)
    {
        problem = null;
        if (DurableFile.Read(Roots) is not { Length: > 0 } content) return null;
        try
        {
            var roots = JsonSerializer.Deserialize(content, FleetJson.Default.IReadOnlyListDsseEnvelope);
            if (roots is not [var first, ..]) problem = "it names no root";
            else problem = FaultOf(RootChain.First(first, null), roots)?.Reason;
            return problem is null ? roots : null;
        }
        catch (JsonException e)
        {
            problem = e.Message;
            return null;
        }
    }

    private static RootVerdict? FaultOf(RootVerdict begin, IReadOnlyList<DsseEnvelope> roots)
        => begin.Root is { } root ? RootChain.Walk(root, roots.Skip(1)).Refused : begin;

    private string OrWriteAgain() => $", or write the roots again as the database knows them: fleet-server {RootRecord.RestoreCommand} "
        + $"--Fleet:DataFolder={System.IO.Path.GetDirectoryName(Path)}; then 'fleet keys list' says which keys are missing, and "
        + "'fleet keys rotate' (or prepare, sign and apply) replaces them";

    private string File(string name) => System.IO.Path.Combine(Path, name);
}
