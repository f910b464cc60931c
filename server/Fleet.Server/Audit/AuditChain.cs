using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Fleet.Server.Audit;

/// <summary>
/// How lines hold each other: each ends with the SHA-256 of itself and of the hash before it, so that one that is changed, removed or put
/// in breaks all that follow. Pure.
/// </summary>
internal static class AuditChain
{
    private const int HashLength = 64;

    private static readonly byte[] Mark = Encoding.ASCII.GetBytes(",\"chain\":\"");
    private static readonly byte[] End = "\"}"u8.ToArray();

    /// <summary>The line of an entry, with its line break.</summary>
    /// <param name="entry">The entry, without its hash.</param>
    /// <param name="previous">Hash of the line before; empty for the very first.</param>
    /// <returns>The line and its hash.</returns>
    public static (byte[] Line, string Chain) LineOf(AuditEntry entry, string previous)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(entry with { Chain = null }, AuditJson.Default.AuditEntry);
        var chain = HashOf(previous, body);
        return ([.. body.AsSpan(0, body.Length - 1), .. Mark, .. Encoding.ASCII.GetBytes(chain), .. End, (byte)'\n'], chain);
    }

    /// <summary>Reads a line; null when it is not one.</summary>
    public static AuditEntry? Read(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, AuditJson.Default.AuditEntry);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The hash that a line must carry behind <paramref name="previous"/>; null when it carries none.</summary>
    public static string? Expected(ReadOnlySpan<byte> line, string previous)
    {
        var tail = Mark.Length + HashLength + End.Length;
        if (line.Length <= tail || !line[^tail..].StartsWith(Mark) || !line.EndsWith(End)) return null;
        return HashOf(previous, [.. line[..^tail], (byte)'}']);
    }

    private static string HashOf(string previous, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(previous));
        hash.AppendData(body);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
