using System.Globalization;
using System.Text;
using Fleet.Agent.Disk;
using Fleet.Platform;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// The latest time from a signed source. A device without a clock, or with one that was set back, still refuses what has expired.
/// </summary>
internal sealed class TrustedTime(DataFolder folder, TimeProvider time)
{
    private readonly Lock _lock = new();
    private DateTimeOffset _signed = Load(folder);

    /// <summary>The latest signed time, or the device's own clock when that is later.</summary>
    public DateTimeOffset Latest()
    {
        lock (_lock)
        {
            var own = time.GetUtcNow();
            return own > _signed ? own : _signed;
        }
    }

    /// <summary>Takes a time from something whose signature was verified.</summary>
    public void Advance(DateTimeOffset signed)
    {
        lock (_lock)
        {
            if (signed <= _signed) return;
            Store(folder, signed);
            _signed = signed;
        }
    }

    /// <summary>Stores the time that an enrollment brought.</summary>
    public static void Store(DataFolder folder, DateTimeOffset signed)
        => DurableFile.Write(folder.TrustedTime, Encoding.ASCII.GetBytes(signed.ToString("O", CultureInfo.InvariantCulture)));

    private static DateTimeOffset Load(DataFolder folder)
        => DurableFile.Read(folder.TrustedTime) is { } content && TryParse(Encoding.ASCII.GetString(content), out var signed)
            ? signed
            : DateTimeOffset.MinValue;

    private static bool TryParse(string text, out DateTimeOffset time)
        => DateTimeOffset.TryParseExact(text, "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out time);
}
