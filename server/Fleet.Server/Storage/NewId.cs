using System.Globalization;
using System.Security.Cryptography;

namespace Fleet.Server.Storage;

/// <summary>Ids for documents that people meet: they sort by time, and say it.</summary>
internal static class NewId
{
    /// <summary>The moment in milliseconds and four digits of chance: <c>20261123-214205-123-a1b2</c>.</summary>
    public static string At(DateTimeOffset now)
        => string.Create(CultureInfo.InvariantCulture,
            $"{now.UtcDateTime:yyyyMMdd-HHmmss-fff}-{RandomNumberGenerator.GetHexString(4, lowercase: true)}");
}
