using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Fleet.Server.Certificates;

/// <summary>
/// Serial numbers that say when their certificate was issued: its dates do not, since it is dated back by more or less. A one, a zero, six
/// bytes of milliseconds since 1970 and twelve of chance, which are the 20 that RFC 5280 allows. Earlier programs wrote 16 of chance.
/// </summary>
internal static class DatedSerial
{
    private const int Digits = 40;
    private const string Begin = "0100";

    private static readonly long Latest = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>A serial that no other certificate has.</summary>
    public static byte[] Create(DateTimeOffset at)
    {
        var serial = RandomNumberGenerator.GetBytes(Digits / 2);
        BinaryPrimitives.WriteInt64BigEndian(serial, at.ToUnixTimeMilliseconds());
        // Zeros in front would be left out of the number.
        serial[0] = 1;
        return serial;
    }

    /// <summary>When the certificate with that serial was issued, to the millisecond; null when its serial does not say so.</summary>
    public static DateTimeOffset? TimeOf(string serial)
        => serial.Length == Digits && serial.StartsWith(Begin, StringComparison.Ordinal)
            && long.TryParse(serial.AsSpan(4, 12), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var milliseconds)
            && milliseconds <= Latest
                ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
                : null;
}
