using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Platform;

namespace Fleet.Server.Keys;

/// <summary>
/// Whether the server's clock may be signed with. A clock that was far ahead once would be believed by devices for good, and one that was
/// set back signs what they take for old; so the server keeps the time it knew last and compares.
/// </summary>
internal sealed class SigningClock
{
    /// <summary>How far the clock may lie ahead of what the server can account for.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromDays(30);

    /// <summary>How far it may be set back: corrections of a few minutes are everyday.</summary>
    public static readonly TimeSpan Correction = TimeSpan.FromMinutes(10);

    /// <summary>How far an anchor that a device shows may lie ahead: each is an admin's doing, and numbers must not run out.</summary>
    public const int MostAhead = 1000;

    private readonly Lock _lock = new();
    private readonly string _file;
    private readonly TimeProvider _time;
    private KnownTime _known;
    private long _since;

    /// <summary>Reads what the server knew last; a new one knows what its clock says.</summary>
    /// <param name="file">Where it is kept.</param>
    /// <param name="time">The clock.</param>
    public SigningClock(string file, TimeProvider time)
    {
        (_file, _time, _since) = (file, time, time.GetTimestamp());
        _known = Read(file) ?? new KnownTime(time.GetUtcNow(), 0);
    }

    /// <summary>Which anchor of time devices are to take; 0 before the first.</summary>
    public long Anchor
    {
        get { lock (_lock) return _known.Anchor; }
    }

    /// <summary>
    /// The latest anchor that a device is known to have taken, which is above <see cref="Anchor"/> after a restore: that time is not this
    /// server's to tell, and the next one counts only above it.
    /// </summary>
    public long LatestAnchor
    {
        get { lock (_lock) return Math.Max(_known.Anchor, _known.Taken); }
    }

    /// <summary>The time to sign with: the clock, unless it was set back.</summary>
    public DateTimeOffset Now()
    {
        lock (_lock)
        {
            var (clock, accounted) = (_time.GetUtcNow(), Accounted());
            return clock >= accounted - Correction ? clock : accounted;
        }
    }

    /// <summary>Why nothing that lasts should be signed by this clock, in a sentence; null when it is well.</summary>
    public string? Problem()
    {
        lock (_lock)
        {
            var (clock, accounted) = (_time.GetUtcNow(), Accounted());
            var ahead = clock - accounted;
            if (ahead <= Tolerance && ahead >= -Correction) return null;
            return $"The server's clock says {clock:u}, {Math.Abs(ahead.TotalDays):0.#} days "
                + $"{(ahead > TimeSpan.Zero ? "after" : "before")} "
                + $"the time it can account for, {accounted:u}. Correct it; if it is right, say so: fleet keys anchor-time";
        }
    }

    /// <summary>Remembers the time, while the clock is well: after a power cut it is known to the hour.</summary>
    public void Keep()
    {
        lock (_lock)
        {
            if (Problem() is null) Take(_known with { At = _time.GetUtcNow() });
        }
    }

    /// <summary>An admin vouches for the clock: it is believed from now on, and devices are to take its time.</summary>
    public void Vouch()
    {
        lock (_lock) Take(new KnownTime(_time.GetUtcNow(), LatestAnchor + 1));
    }

    /// <summary>A device has shown, signed by this fleet, that it took an anchor.</summary>
    public void Shown(long anchor)
    {
        lock (_lock)
        {
            if (anchor > LatestAnchor && anchor - _known.Anchor <= MostAhead) Take(_known with { At = Accounted(), Taken = anchor });
        }
    }

    private static KnownTime? Read(string file)
    {
        try
        {
            return DurableFile.Read(file) is { } content ? JsonSerializer.Deserialize(content, KeysJson.Default.KnownTime) : null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} does not say what time was known last ({e.Message}). Restore it, or remove it when the "
                + "clock is right.", e);
        }
    }

    private DateTimeOffset Accounted() => _known.At + _time.GetElapsedTime(_since);

    private void Take(KnownTime known)
    {
        DurableFile.Write(_file, JsonSerializer.SerializeToUtf8Bytes(known, KeysJson.Default.KnownTime));
        (_known, _since) = (known, _time.GetTimestamp());
    }
}

/// <summary>The time a server knew last.</summary>
/// <param name="At">The time.</param>
/// <param name="Anchor">How often an admin has vouched for the clock.</param>
internal sealed record KnownTime(DateTimeOffset At, long Anchor)
{
    /// <summary>The latest anchor that a device has shown; 0 where none was above this server's.</summary>
    public long Taken { get; init; }
}

/// <summary>Generated serialization of this room's own files and documents.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(KnownTime))]
[JsonSerializable(typeof(KnownRoots))]
internal sealed partial class KeysJson : JsonSerializerContext;
