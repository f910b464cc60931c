using System.Globalization;
using System.Text;
using Fleet.Agent.Disk;
using Fleet.Platform;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// What time it is, by evidence: the latest signed time, and what has passed since by a clock that nobody sets. A device without a clock,
/// or with one that was set back, still refuses what has expired; a clock far ahead, the device's or the server's, expires nothing.
/// </summary>
internal sealed class TrustedTime
{
    /// <summary>
    /// How far a time may lie ahead of what is accounted for: a device that was off without a clock of its own comes back within it, and a
    /// release that lives for months outlives a mistake of that size.
    /// </summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromDays(30);

    /// <summary>How far the own clock may lie behind before that is worth a word.</summary>
    private static readonly TimeSpan Correction = TimeSpan.FromMinutes(5);

    /// <summary>How much of what passed may be lost with a power cut.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private readonly TimeProvider _time;
    private Known _known;
    private long _since;
    private string? _doubt;

    /// <summary>Reads the time that an earlier run knew.</summary>
    public TrustedTime(DataFolder folder, TimeProvider time)
        => (_folder, _time, _known, _since) = (folder, time, Load(folder), time.GetTimestamp());

    /// <summary>The last anchor of time that was taken; 0 before the first.</summary>
    public long Anchor
    {
        get { lock (_lock) return _known.Anchor; }
    }

    /// <summary>Which signed time is not believed, in a sentence; null when the last one was.</summary>
    public string? Doubt
    {
        get { lock (_lock) return _doubt; }
    }

    /// <summary>The time that is accounted for, or the device's own clock where that is a little later.</summary>
    public DateTimeOffset Latest()
    {
        lock (_lock)
        {
            var (accounted, own) = (Accounted(), _time.GetUtcNow());
            if (accounted - _known.Signed >= Kept) Keep(accounted);
            return own > accounted && own - accounted <= Tolerance || _known.Signed == DateTimeOffset.MinValue ? own : accounted;
        }
    }

    /// <summary>The time that signed messages and what has passed since account for, whatever the device's own clock says.</summary>
    public DateTimeOffset AccountedFor()
    {
        lock (_lock) return Accounted();
    }

    /// <summary>What the device's own clock says.</summary>
    public DateTimeOffset Own() => _time.GetUtcNow();

    /// <summary>How wrong the device's own clock is, in a sentence; null when it is well, or nothing is known to compare it with.</summary>
    public string? ClockProblem()
    {
        lock (_lock)
        {
            var (accounted, own) = (Accounted(), Own());
            var ahead = own - accounted;
            if (_known.Signed == DateTimeOffset.MinValue || (ahead > -Correction && ahead <= Tolerance)) return null;
            return $"This device's clock says {own:u}, which is {(ahead > TimeSpan.Zero ? "after" : "before")} the time that "
                + $"signed messages account for, {accounted:u}. Certificates and expiry are judged by the latter; set the clock";
        }
    }

    /// <summary>Takes a time from something whose signature was verified, unless it lies further ahead than can have passed.</summary>
    public void Advance(DateTimeOffset signed)
    {
        lock (_lock)
        {
            var (accounted, own) = (Accounted(), _time.GetUtcNow());
            var latest = own > accounted ? own : accounted;
            if (_known.Signed != DateTimeOffset.MinValue && signed - latest > Tolerance)
            {
                _doubt = $"The server's clock says {signed:u}; this device has accounted for {accounted:u}, and its own clock says "
                    + $"{own:u}. "
                    + "An admin who has made sure of the server's clock says so with: fleet keys anchor-time";
                return;
            }
            _doubt = null;
            if (signed > accounted) Take(new Known(signed, _known.Anchor));
        }
    }

    /// <summary>Takes a time that an operator vouches for, wherever it lies.</summary>
    /// <param name="at">The time.</param>
    /// <param name="anchor">Which anchor it is.</param>
    public void MoveTo(DateTimeOffset at, long anchor)
    {
        lock (_lock)
        {
            Take(new Known(at, anchor));
            _doubt = null;
        }
    }

    /// <summary>Stores the time that an enrollment brought, and its anchor: only an order with a later one sets it back.</summary>
    public static void Store(DataFolder folder, DateTimeOffset signed, long anchor = 0) => Store(folder, new Known(signed, anchor));

    private static void Store(DataFolder folder, Known known) => DurableFile.Write(
        folder.TrustedTime, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{known.Signed:O}\n{known.Anchor}\n")));

    /// <summary>The signed time and what has passed since, however the device's clock was set meanwhile.</summary>
    private DateTimeOffset Accounted()
    {
        var passed = _time.GetElapsedTime(_since);
        return DateTimeOffset.MaxValue - _known.Signed > passed ? _known.Signed + passed : DateTimeOffset.MaxValue;
    }

    private void Take(Known known)
    {
        Store(_folder, known);
        (_known, _since) = (known, _time.GetTimestamp());
    }

    private void Keep(DateTimeOffset accounted)
    {
        try
        {
            Take(_known with { Signed = accounted });
        }
        catch (IOException)
        {
            // A full disk loses an hour at the next power cut; what time it is now does not depend on it.
        }
    }

    /// <summary>An earlier agent wrote the time alone.</summary>
    private static Known Load(DataFolder folder)
    {
        if (DurableFile.Read(folder.TrustedTime) is not { } content) return new Known(DateTimeOffset.MinValue, 0);
        var lines = Encoding.ASCII.GetString(content).Split('\n');
        var signed = DateTimeOffset.TryParseExact(lines[0].Trim(), "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            ? time
            : DateTimeOffset.MinValue;
        return new Known(signed, lines.Length > 1 && long.TryParse(lines[1], CultureInfo.InvariantCulture, out var anchor) ? anchor : 0);
    }

    private sealed record Known(DateTimeOffset Signed, long Anchor);
}
