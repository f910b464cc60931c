using System.Globalization;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using LiteDB;
using JsonSerializer = System.Text.Json.JsonSerializer;

namespace Fleet.Server.Storage;

/// <summary>
/// Telemetry on disk: the batches of one device, packed many to a document under the key <c>device|time the pack was begun</c>,
/// without a second index. A pack is closed at about a page of the database: it is written anew with every batch. Runs on the
/// database's thread alone.
/// </summary>
internal sealed class SamplePacks(TimeProvider time)
{
    private const string Collection = "samples";
    private const string TimeFormat = "yyyyMMddHHmmssfffffff";
    private const char AfterDigits = '~';

    // Values are parameters: LiteDB compiles each text it has not met before, which takes longer than the query.
    private const string Between = "$._id BETWEEN @0 AND @1";

    /// <summary>A LiteDB page is 8 KiB.</summary>
    private const int PackCharacters = 6 * 1024;

    /// <summary>A pack spans at most this, so that a read for "the last hour" of a quiet device does not unpack a week.</summary>
    private static readonly TimeSpan PackSpan = TimeSpan.FromHours(1);

    private readonly Dictionary<DeviceId, Pack> _open = [];

    /// <summary>The batch as it is stored.</summary>
    public static string Write(TelemetryBatch batch) => JsonSerializer.Serialize(batch, FleetJson.Default.TelemetryBatch);

    /// <summary>The batches of a pack, in the order they arrived.</summary>
    public static IEnumerable<TelemetryBatch> BatchesOf(BsonDocument pack)
        => pack["batches"].AsArray.Select(batch => JsonSerializer.Deserialize(batch.AsString, FleetJson.Default.TelemetryBatch)!);

    /// <summary>Adds a batch; false when it is already there.</summary>
    public bool Append(LiteDatabase database, DeviceId device, TelemetryBatch batch, string json)
    {
        var collection = database.GetCollection(Collection, BsonAutoId.ObjectId);
        var now = time.GetUtcNow();
        var pack = _open.GetValueOrDefault(device) ?? Last(collection, device) ?? Pack.Begin(now, new SequenceRanges(), DateTimeOffset.MinValue);
        var seen = pack.Seen;
        if (seen.Contains(batch.Sequence))
        {
            // A repeated batch began before the newest one ended. One that begins after it under a number already seen comes from
            // a device whose counter began again, its disk being new: it must not be thrown away for ever.
            if (batch.From < pack.NewestTo) return false;
            seen = new SequenceRanges();
        }
        if (pack.Characters > 0 && (pack.Characters + json.Length > PackCharacters || now - pack.BegunAt > PackSpan))
            pack = Pack.Begin(now > pack.BegunAt ? now : pack.BegunAt.AddTicks(1), seen, pack.NewestTo);
        pack = pack.With(json, seen.Add(batch.Sequence), batch.To);
        collection.Upsert(pack.ToRow(device));
        // Remembered only as long as the transaction stands: a failed one makes the store forget all of these.
        _open[device] = pack;
        return true;
    }

    /// <summary>The packs that can hold batches which arrived after <paramref name="since"/>.</summary>
    public static IReadOnlyList<BsonDocument> Read(LiteDatabase database, DeviceId device, DateTimeOffset since)
    {
        // A batch arrives after it ended, and a pack takes batches for at most its span.
        var from = KeyOf(device, since.Ticks > PackSpan.Ticks ? since - PackSpan : DateTimeOffset.MinValue);
        return [.. database.GetCollection(Collection).Find(BetweenKeys(from, LastKeyOf(device)))];
    }

    /// <summary>Forgets the packs that ended before <paramref name="before"/>. The newest stays: it knows which sequences were seen.</summary>
    public static int Drop(LiteDatabase database, DeviceId device, DateTimeOffset before)
    {
        var collection = database.GetCollection(Collection);
        var keys = collection.Find(BetweenKeys(KeyOf(device, DateTimeOffset.MinValue), LastKeyOf(device))).Select(row => row["_id"]).ToList();
        var end = KeyOf(device, before - PackSpan);
        return keys.SkipLast(1).TakeWhile(key => string.CompareOrdinal(key.AsString, end) < 0).Count(key => collection.Delete(key));
    }

    /// <summary>Forgets what is kept in memory: the disk may hold less.</summary>
    public void Forget() => _open.Clear();

    private static Pack? Last(ILiteCollection<BsonDocument> collection, DeviceId device)
    {
        var newest = Query.All("_id", Query.Descending);
        newest.Where.Add(BetweenKeys(KeyOf(device, DateTimeOffset.MinValue), LastKeyOf(device)));
        return collection.Find(newest, limit: 1).FirstOrDefault() is { } row ? Pack.Of(row) : null;
    }

    private static BsonExpression BetweenKeys(string first, string last) => BsonExpression.Create(Between, first, last);

    private static string KeyOf(DeviceId device, DateTimeOffset at) => $"{device}|{at.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}";

    private static string LastKeyOf(DeviceId device) => $"{device}|{AfterDigits}";

    /// <summary>The newest pack of a device, and which sequences it has sent so far.</summary>
    private sealed record Pack(DateTimeOffset BegunAt, IReadOnlyList<string> Batches, int Characters, SequenceRanges Seen, DateTimeOffset NewestTo)
    {
        public static Pack Begin(DateTimeOffset at, SequenceRanges seen, DateTimeOffset newestTo) => new(at, [], 0, seen, newestTo);

        public static Pack Of(BsonDocument row)
        {
            var key = row["_id"].AsString;
            var begunAt = DateTime.ParseExact(key[(key.IndexOf('|', StringComparison.Ordinal) + 1)..], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
            string[] batches = [.. row["batches"].AsArray.Select(batch => batch.AsString)];
            return new(begunAt, batches, batches.Sum(batch => batch.Length), SequenceRanges.Parse(row["seen"].AsString), new DateTimeOffset(row["to"].AsInt64, TimeSpan.Zero));
        }

        public Pack With(string batch, SequenceRanges seen, DateTimeOffset to)
            => new(BegunAt, [.. Batches, batch], Characters + batch.Length, seen, to > NewestTo ? to : NewestTo);

        public BsonDocument ToRow(DeviceId device) => new()
        {
            ["_id"] = KeyOf(device, BegunAt),
            ["batches"] = new BsonArray(Batches.Select(batch => new BsonValue(batch))),
            ["seen"] = Seen.ToString(),
            ["to"] = NewestTo.UtcTicks,
        };
    }
}
