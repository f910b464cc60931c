using System.Globalization;
using System.Security.Cryptography;

namespace Fleet.Server.Storage;

/// <summary>Ids for documents that people meet: they sort by time, and say it.</summary>
internal static class NewId
{
    // Digits and letters that are not read as one another: no i, l, o, u (Crockford's base 32).
    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    /// <summary>
    /// The moment in milliseconds and six characters of chance, 30 bits: <c>20261123-214205-123-a1b2c3</c>. Two of one moment are the same
    /// once in a thousand million times; the store then refuses the later.
    /// </summary>
    public static string At(DateTimeOffset now)
        => string.Create(CultureInfo.InvariantCulture,
            $"{now.UtcDateTime:yyyyMMdd-HHmmss-fff}-{RandomNumberGenerator.GetString(Alphabet, 6)}");
}
