using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>
/// Keys of arrivals: they ascend whatever the clock does, and say when something arrived. They are the ticks of the clock as long as it
/// goes forward. Set back, it is followed from a mark on: a key and the time that it stands for. What arrived before a mark did so before
/// its time, so that a clock that was years ahead for a moment keeps nothing for years. A clock that catches up with the keys, or comes
/// back most of the way, was wrong between.
/// </summary>
internal sealed class ArrivalKeys
{
    private const int MostMarks = 16;

    /// <summary>A clock that is corrected by less is not followed back: the next key is one more.</summary>
    private static readonly long Tolerance = TimeSpan.FromMinutes(1).Ticks;

    private readonly List<(long Key, long At)> _marks = [];

    /// <summary>The last key that was given.</summary>
    public long Last { get; set; }

    /// <summary>Whether marks were made or dropped since they were read or written.</summary>
    public bool IsChanged { get; private set; }

    /// <summary>The key of what arrives now.</summary>
    public long Next(DateTimeOffset now)
    {
        while (_marks.Count > 0 && (KeyOf(now.UtcTicks, _marks.Count - 1) > Last || IsBack(now.UtcTicks))) Unmark();
        if (KeyOf(now.UtcTicks, _marks.Count) <= Last - Tolerance) Mark(now.UtcTicks);
        return Last = Math.Max(Last + 1, KeyOf(now.UtcTicks, _marks.Count));
    }

    /// <summary>When that arrived which has a key.</summary>
    public DateTimeOffset TimeOf(long key)
    {
        var marks = _marks.TakeWhile(mark => mark.Key <= key).Count();
        var time = TimeOf(key, marks);
        if (marks < _marks.Count) time = Math.Min(time, _marks[marks].At);
        return new DateTimeOffset(time, TimeSpan.Zero);
    }

    /// <summary>The first key that something may have that arrived at a time or later.</summary>
    public long KeyOf(DateTimeOffset time)
    {
        var marks = _marks.Count;
        while (marks > 0 && _marks[marks - 1].At > time.UtcTicks) marks--;
        var key = KeyOf(time.UtcTicks, marks);
        return marks < _marks.Count ? Math.Min(key, _marks[marks].Key) : key;
    }

    /// <summary>Reads what <see cref="ToRow"/> wrote.</summary>
    public void Read(BsonValue? row)
    {
        (IsChanged, Last) = (false, 0);
        _marks.Clear();
        if (row is BsonArray marks) _marks.AddRange(marks.Select(mark => (mark["key"].AsInt64, mark["at"].AsInt64)));
    }

    /// <summary>The marks as they are stored.</summary>
    public BsonArray ToRow()
    {
        IsChanged = false;
        return [.. _marks.Select(mark => new BsonDocument { ["key"] = mark.Key, ["at"] = mark.At })];
    }

    private void Mark(long at)
    {
        IsChanged = true;
        _marks.Add((Last + 1, at));
        if (_marks.Count > MostMarks) _marks.RemoveAt(0);
    }

    private void Unmark()
    {
        IsChanged = true;
        _marks.RemoveAt(_marks.Count - 1);
    }

    /// <summary>
    /// True when the clock has gone forward, since the last key, by more than half of what it went back at the mark: it was wrong in
    /// between, and not before, though it may have been a little ahead then.
    /// </summary>
    private bool IsBack(long now)
    {
        var mark = _marks[^1];
        return now - TimeOf(Last, _marks.Count) > (TimeOf(mark.Key - 1, _marks.Count - 1) - mark.At) / 2;
    }

    private long TimeOf(long key, int marks) => marks == 0 ? key : _marks[marks - 1].At + (key - _marks[marks - 1].Key);

    private long KeyOf(long ticks, int marks) => marks == 0 ? ticks : _marks[marks - 1].Key + (ticks - _marks[marks - 1].At);
}
