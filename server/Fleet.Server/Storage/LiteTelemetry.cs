using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>
/// Telemetry on disk. Batches are appended in the order they arrive, those of one commit together, so that a batch costs little
/// more than its own bytes. Rollups and the sequences that were seen are kept in memory and written every few minutes, device by
/// device; after a start they are made again from the batches that came since. Runs on the database's thread alone.
/// </summary>
internal sealed class LiteTelemetry(TimeProvider time)
{
    private const string Arrivals = "arrivals";
    private const string Rollups = "rollups";
    private const string Subjects = "subjects";
    private const string Progress = "progress";
    private const int Marks = 1;

    // Values are parameters: LiteDB compiles each text it has not met before, which takes longer than the query.
    private const string Between = "$._id BETWEEN @0 AND @1";

    /// <summary>All devices together, in place of one's id.</summary>
    private const string Fleet = "";

    private const int PackBytes = 1 << 20;
    private const int WritesPerCommit = 32;

    private const int RowsPerTurn = 256;

    /// <summary>
    /// What a device has in memory before it is written at once; all together have <see cref="FleetShare"/> times as much.
    /// </summary>
    private const int MostUnwrittenRollups = 256;
    private const int MostUnwrittenNumbers = 1 << 17;
    private const int FleetShare = 16;

    private static readonly TimeSpan WritingInterval = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, Subject> _subjects = [];

    // In the order in which they got something that is not written; one that was written meanwhile stays here until its turn.
    private readonly Queue<(Subject Subject, long Key, long Since)> _unwritten = new();
    private readonly ArrivalKeys _keys = new();
    private readonly List<(string Subject, ReadOnlyMemory<byte> Message)> _arrived = [];
    private int _arrivedBytes;
    private long _arrivedKey;

    // Of the last row of arrivals: a key that was given to a message without anything new stands for nothing.
    private long _lastKey;

    /// <summary>Queries of rollups that went to the disk since the start.</summary>
    public long RollupReads { get; private set; }

    /// <summary>Rollups in memory that are not written.</summary>
    public int UnwrittenRollups => _subjects.Values.Sum(subject => subject.Open.Count);

    /// <summary>Adds the batches of a message that are not there yet.</summary>
    /// <returns>How many.</returns>
    public int Append(LiteDatabase database, DeviceId device, TelemetryMessage message)
    {
        var subject = Of(device.Value);
        if (_arrived.Count == 0) _arrivedKey = _keys.Next(time.GetUtcNow());
        var isAnother = subject.Meet(message.Identity);
        var added = new List<TelemetryBatch>(message.Batches.Count);
        foreach (var batch in message.Batches)
        {
            if (!subject.IsNew(batch)) continue;
            Take(subject, batch, _arrivedKey);
            added.Add(batch);
        }
        if (added.Count > 0) subject.Count(message.Bytes.Length, _keys.TimeOf(_arrivedKey));
        if (added.Count == message.Batches.Count) Arrived(device, message.Bytes);
        // Some came before, in another message: what is new is written for itself.
        else foreach (var batch in added) Arrived(device, TelemetryBlock.Encode(batch));
        if (_arrivedBytes > PackBytes) WriteArrived(database);
        // Written down at once: a start that knew the sequences of the predecessor would pass over those of the successor.
        if (isAnother) WriteNow(database, subject);
        WriteIfLarge(database, subject);
        WriteIfLarge(database, Of(Fleet));
        return added.Count;
    }

    /// <summary>Writes what the commit that ends now has brought, and whose turn has come.</summary>
    public void Committing(LiteDatabase database)
    {
        WriteArrived(database);
        WriteSubjects(database, WritesPerCommit, since => time.GetElapsedTime(since) >= WritingInterval);
    }

    /// <summary>Writes rollups and what was seen of that many devices, the longest unwritten first.</summary>
    /// <returns>True when there are more.</returns>
    public bool WriteSome(LiteDatabase database)
    {
        WriteArrived(database);
        return WriteSubjects(database, WritesPerCommit, _ => true);
    }

    /// <summary>Reads what is kept in memory.</summary>
    public void Load(LiteDatabase database)
    {
        _subjects.Clear();
        _unwritten.Clear();
        _arrived.Clear();
        _arrivedBytes = 0;
        foreach (var row in database.GetCollection(Subjects).FindAll())
            _subjects[row["_id"].AsString] = Subject.Of(row);

        _keys.Read(database.GetCollection(Progress).FindById(Marks)?["marks"]);
        var begin = database.GetCollection(Progress).FindById(0) is { } progress ? progress["key"].AsInt64 : 0;
        _lastKey = _keys.Last = begin;
        foreach (var row in database.GetCollection(Arrivals).Find(BsonExpression.Create("$._id >= @0", begin)))
        {
            _lastKey = _keys.Last = row["_id"].AsInt64;
            foreach (var (device, message) in TelemetryBlock.Read(row["pack"].AsBinary))
            {
                var subject = Of(device);
                if (_lastKey > subject.WrittenKey) subject.Count(message.Length, _keys.TimeOf(_lastKey));
                foreach (var batch in TelemetryBlock.Decode(message)) Take(subject, batch, _lastKey);
            }
        }
    }

    /// <summary>Bytes that arrived on a day from an enrollment of a device.</summary>
    public long BytesOf(DeviceId device, string? identity, DateOnly day)
        => _subjects.GetValueOrDefault(device.Value)?.BytesOf(identity, day) ?? 0;

    /// <summary>The key after which what arrived after <paramref name="since"/> is read.</summary>
    public long KeyOf(DateTimeOffset since) => _keys.KeyOf(since);

    /// <summary>Packs of batches, with the key to go on from and when they arrived.</summary>
    public IReadOnlyList<(long Key, DateTimeOffset ArrivedAt, byte[] Pack)> ReadArrivals(LiteDatabase database, long after, int limit)
        => [
            .. database.GetCollection(Arrivals).Find(BsonExpression.Create("$._id > @0", after), limit: limit)
                .Select(row => (row["_id"].AsInt64, _keys.TimeOf(row["_id"].AsInt64), row["pack"].AsBinary)),
        ];

    /// <summary>The rollups of a device, or of all together, that are on disk and that are not yet. One period may be in both.</summary>
    public (IReadOnlyList<byte[]> Written, IReadOnlyList<Rollup> Unwritten) ReadRollups(
        LiteDatabase database, DeviceId? device, RollupQuery query)
    {
        var name = device?.Value ?? Fleet;
        if (!_subjects.TryGetValue(name, out var subject) || !subject.Models.MayHoldSince(query.Model, query.First)) return ([], []);
        RollupReads++;
        var rows = database.GetCollection(Rollups)
            .Find(BsonExpression.Create(Between, KeyOf(name, query.Period, WindowOf(query.Period, query.Since)),
                KeyOf(name, query.Period, long.MaxValue)));
        return ([.. rows.Select(row => row["pack"].AsBinary)], [.. subject.Open.Values.Select(open => open.ToRollup())]);
    }

    /// <summary>Drops packs of batches that arrived before <paramref name="before"/>, as many as one turn takes.</summary>
    /// <returns>How many; 0 when none are left.</returns>
    public int DropArrivals(LiteDatabase database, DateTimeOffset before)
    {
        var arrivals = database.GetCollection(Arrivals);
        // What no rollup has seen stays: it is all there is of it.
        var end = Math.Min(_keys.KeyOf(before), _unwritten.TryPeek(out var oldest) ? oldest.Key : long.MaxValue);
        var (keys, bytes) = (new List<BsonValue>(), 0);
        foreach (var row in arrivals.Find(BsonExpression.Create("$._id < @0", end), limit: RowsPerTurn))
        {
            keys.Add(row["_id"]);
            // Each page goes through the log, and what is dropped because the disk is short must not fill it.
            if ((bytes += row["pack"].AsBinary.Length) >= PackBytes) break;
        }
        return keys.Count(key => arrivals.Delete(key));
    }

    /// <summary>The names under which rollups are kept.</summary>
    public IReadOnlyList<string> SubjectNames() => [.. _subjects.Keys];

    /// <summary>Drops the rollups of some of them that end before <paramref name="before"/>.</summary>
    public static void DropRollups(LiteDatabase database, IEnumerable<string> subjects, RollupPeriod period, DateTimeOffset before)
    {
        var rollups = database.GetCollection(Rollups);
        var end = WindowOf(period, before) - 1;
        foreach (var subject in subjects)
            rollups.DeleteMany(BsonExpression.Create(Between, KeyOf(subject, period, 0), KeyOf(subject, period, end)));
    }

    /// <summary>Rows hold this many ticks each: few enough rows to read, few enough bytes to write again.</summary>
    private static long WindowTicks(RollupPeriod period)
        => period == RollupPeriod.Minute ? TimeSpan.TicksPerMinute * 15 : TimeSpan.TicksPerHour * 6;

    private static long WindowOf(RollupPeriod period, DateTimeOffset moment) => moment.UtcTicks - moment.UtcTicks % WindowTicks(period);

    private static string KeyOf(string subject, RollupPeriod period, long window)
        => FormattableString.Invariant($"{subject}|{(period == RollupPeriod.Minute ? 'm' : 'h')}|{window:d19}");

    private Subject Of(string name)
    {
        if (!_subjects.TryGetValue(name, out var subject)) _subjects[name] = subject = new Subject(name);
        return subject;
    }

    private void Take(Subject subject, TelemetryBatch batch, long key)
    {
        Take(subject, batch, key, batch.Resources);
        // The machine of one device says nothing about all of them.
        Take(Of(Fleet), batch, key, null);
    }

    private void Take(Subject subject, TelemetryBatch batch, long key, ResourceStats? resources)
    {
        // Read again after a start: what is in the subject's rows already.
        if (key <= subject.WrittenKey) return;
        subject.Add(batch, resources, _keys.TimeOf(key));
        subject.IsUnwritten = true;
        if (subject.IsQueued) return;
        subject.IsQueued = true;
        _unwritten.Enqueue((subject, key, time.GetTimestamp()));
    }

    private void Arrived(DeviceId device, ReadOnlyMemory<byte> message)
    {
        _arrived.Add((device.Value, message));
        _arrivedBytes += message.Length;
    }

    private void WriteArrived(LiteDatabase database)
    {
        if (_arrived.Count == 0) return;
        database.GetCollection(Arrivals).Insert(new BsonDocument { ["_id"] = _arrivedKey, ["pack"] = TelemetryBlock.Write(_arrived) });
        if (_keys.IsChanged) database.GetCollection(Progress).Upsert(new BsonDocument { ["_id"] = Marks, ["marks"] = _keys.ToRow() });
        _lastKey = _arrivedKey;
        _arrived.Clear();
        _arrivedBytes = 0;
    }

    private bool WriteSubjects(LiteDatabase database, int most, Func<long, bool> isDue)
    {
        var written = 0;
        while (written < most && _unwritten.TryPeek(out var oldest) && (isDue(oldest.Since) || !oldest.Subject.IsUnwritten))
        {
            _unwritten.Dequeue();
            oldest.Subject.IsQueued = false;
            // Nothing has come since it was written ahead of its turn: only the place in the queue is given up.
            if (oldest.Subject.IsUnwritten) Write(database, oldest.Subject);
            written++;
        }
        if (written > 0)
        {
            var key = _unwritten.TryPeek(out var next) ? next.Key : _lastKey + 1;
            database.GetCollection(Progress).Upsert(new BsonDocument { ["_id"] = 0, ["key"] = key });
        }
        return _unwritten.Count > 0;
    }

    /// <summary>
    /// Writes at once what grows beyond its share: one device that tells of many minutes, models or classes must not fill the memory until
    /// its turn comes. Its place in the queue stays.
    /// </summary>
    private void WriteIfLarge(LiteDatabase database, Subject subject)
    {
        var share = subject.Name == Fleet ? FleetShare : 1;
        if (subject.Open.Count <= MostUnwrittenRollups * share && subject.Numbers <= MostUnwrittenNumbers * share) return;
        WriteNow(database, subject);
    }

    private void WriteNow(LiteDatabase database, Subject subject)
    {
        // What it was made of must be in the rows that are read again after a start.
        WriteArrived(database);
        Write(database, subject);
    }

    private void Write(LiteDatabase database, Subject subject)
    {
        var open = subject.Open.Values.Select(each => each.ToRollup()).ToList();
        foreach (var period in (RollupPeriod[])[RollupPeriod.Minute, RollupPeriod.Hour])
        {
            foreach (var window in open.GroupBy(rollup => WindowOf(period, rollup.From)))
                Write(database, KeyOf(subject.Name, period, window.Key), period, window);
        }
        subject.Written(_lastKey);
        database.GetCollection(Subjects).Upsert(subject.ToRow());
    }

    private static void Write(LiteDatabase database, string key, RollupPeriod period, IEnumerable<Rollup> more)
    {
        var rollups = database.GetCollection(Rollups);
        var before = rollups.FindById(key) is { } row ? RollupSet.Read(row["pack"].AsBinary) : [];
        var entries = RollupSet.Merge(period, [.. before, .. more])
            .Select(rollup => (rollup.Stats.Model, (ReadOnlyMemory<byte>)TelemetryBlock.Encode(rollup.ToBatch())));
        rollups.Upsert(new BsonDocument { ["_id"] = key, ["pack"] = TelemetryBlock.Write([.. entries]) });
    }

    /// <summary>A device, or all: what was seen of it and what is not in its rows yet.</summary>
    private sealed class Subject(string name)
    {
        private SequenceRanges _seen = new();
        private long _newestTo;
        private string? _identity;

        // What arrived on the last day that anything did.
        private (int Day, long Bytes) _arrivals;

        public string Name => name;

        /// <summary>When it last did what: whoever asks for something else need not look into its rows.</summary>
        public ModelTimes Models { get; private init; } = new(ModelTimes.AllKnown);

        /// <summary>The last arrival that is in its rows.</summary>
        public long WrittenKey { get; private set; }

        public bool IsUnwritten { get; set; }

        /// <summary>Whether it waits for its turn to be written, or stands there though it was written ahead of it.</summary>
        public bool IsQueued { get; set; }

        /// <summary>Numbers in what is not written.</summary>
        public int Numbers { get; private set; }

        public Dictionary<(DateTimeOffset Minute, string Model), RollupBuilder> Open { get; } = [];

        public static Subject Of(BsonDocument row) => new(row["_id"].AsString)
        {
            _seen = SequenceRanges.Parse(row["seen"].AsString),
            _newestTo = row["to"].AsInt64,
            _identity = row["identity"].AsString,
            _arrivals = row["day"] is { IsNumber: true } day ? (day.AsInt32, row["bytes"].AsInt64) : default,
            WrittenKey = row["key"].AsInt64,
            // An earlier program did not write down the models.
            Models = row["models"] is BsonDocument models ? ModelTimes.Of(models) : new ModelTimes(row["to"].AsInt64),
        };

        /// <summary>
        /// Forgets what was seen when the device was enrolled anew: the disk is new, and the sequences begin again, whatever the clock of
        /// the predecessor said.
        /// </summary>
        /// <returns>True when it was.</returns>
        public bool Meet(string? identity)
        {
            if (identity is null || identity == _identity) return false;
            var isAnother = _identity is not null;
            if (isAnother) (_seen, _newestTo, _arrivals) = (new SequenceRanges(), 0, default);
            _identity = identity;
            return isAnother;
        }

        /// <summary>Counts a message.</summary>
        public void Count(int bytes, DateTimeOffset arrived)
        {
            var day = DateOnly.FromDateTime(arrived.UtcDateTime).DayNumber;
            _arrivals = (day, (day == _arrivals.Day ? _arrivals.Bytes : 0) + bytes);
        }

        public long BytesOf(string? identity, DateOnly day)
            => day.DayNumber == _arrivals.Day && (identity is null || _identity is null || identity == _identity) ? _arrivals.Bytes : 0;

        /// <summary>
        /// False when the batch came before. A repeated batch began before the newest one ended; one that begins after it under a number
        /// already seen comes from a device whose counter began again, its disk being new: it must not be thrown away for ever.
        /// </summary>
        public bool IsNew(TelemetryBatch batch) => !_seen.Contains(batch.Sequence) || batch.From.UtcTicks >= _newestTo;

        /// <param name="batch">What the device did.</param>
        /// <param name="resources">The machine; null for all devices together.</param>
        /// <param name="arrived">When it came: a device whose clock runs ahead did it then, and not in the future.</param>
        public void Add(TelemetryBatch batch, ResourceStats? resources, DateTimeOffset arrived)
        {
            if (name != Fleet) _seen = (_seen.Contains(batch.Sequence) ? new SequenceRanges() : _seen).Add(batch.Sequence);
            _newestTo = Math.Max(_newestTo, batch.To.UtcTicks);
            var to = batch.To <= arrived ? batch.To : arrived;
            var minute = RollupBuilder.StartOf(RollupPeriod.Minute, to);
            foreach (var stats in batch.Models)
            {
                Models.Add(stats.Model, to.UtcTicks);
                if (!Open.TryGetValue((minute, stats.Model), out var rollup))
                    Open[(minute, stats.Model)] = rollup = new RollupBuilder(minute);
                Numbers -= rollup.Numbers;
                rollup.Add(stats, to, resources);
                Numbers += rollup.Numbers;
            }
        }

        public void Written(long key)
        {
            Open.Clear();
            (Numbers, IsUnwritten) = (0, false);
            WrittenKey = key;
        }

        public BsonDocument ToRow() => new()
        {
            ["_id"] = name,
            ["seen"] = _seen.ToString(),
            ["to"] = _newestTo,
            ["identity"] = _identity,
            ["day"] = _arrivals.Day,
            ["bytes"] = _arrivals.Bytes,
            ["key"] = WrittenKey,
            ["models"] = Models.ToRow(),
        };
    }
}
