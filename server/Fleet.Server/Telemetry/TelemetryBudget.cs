using System.Collections.Concurrent;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Messaging;
using Fleet.Server.Settings;

namespace Fleet.Server.Telemetry;

/// <summary>
/// What each device may store in a day: bytes, and models, each of which is a line on a page that all devices share, with its classes. Kept
/// in memory: a server that is started again begins to count anew, so that a day with restarts may bring a device's share more than once.
/// </summary>
internal sealed class TelemetryBudget(FleetOptions options, TimeProvider time)
{
    /// <summary>Models of a device in a day; it runs fewer at a time.</summary>
    public const int ModelsPerDay = 4 * Limits.ModelsPerDevice;

    private readonly ConcurrentDictionary<DeviceId, Account> _accounts = new();

    /// <summary>Why a message is not stored; null when it may be.</summary>
    public MessageRefusal? RefusalOf(DeviceId device, long bytes, IReadOnlyList<TelemetryBatch> batches)
    {
        var account = Today(device);
        using var locked = account.Lock.EnterScope();
        if (account.Bytes + bytes > options.TelemetryBytesPerDay)
            return new MessageRefusal(
                $"more than {options.TelemetryBytesPerDay:#,0} bytes of telemetry in a day are not stored for one device",
                IsForGood: false);
        var models = new Dictionary<string, int>(account.Models, StringComparer.Ordinal);
        Add(models, batches);
        return models.Count > ModelsPerDay ? new MessageRefusal($"it has told of more than {ModelsPerDay} models in a day")
            : models.Values.Sum() > TelemetryRules.MostClasses
                ? new MessageRefusal($"its models have told of more than {TelemetryRules.MostClasses} classes in a day")
            : null;
    }

    /// <summary>Counts what was stored.</summary>
    public void Stored(DeviceId device, long bytes, IReadOnlyList<TelemetryBatch> batches)
    {
        var account = Today(device);
        using var locked = account.Lock.EnterScope();
        account.Bytes += bytes;
        Add(account.Models, batches);
    }

    /// <summary>Adds the models of batches, each with the most classes it was seen with.</summary>
    private static void Add(Dictionary<string, int> models, IReadOnlyList<TelemetryBatch> batches)
    {
        foreach (var stats in batches.SelectMany(batch => batch.Models))
            models[stats.Model] = Math.Max(models.GetValueOrDefault(stats.Model), stats.Classes.Count);
    }

    private Account Today(DeviceId device)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        return _accounts.AddOrUpdate(device,
            static (_, day) => new Account(day), static (_, account, day) => account.Day == day ? account : new Account(day), today);
    }

    /// <summary>Messages of one device come one after another, and a report that is carried here in a file beside them.</summary>
    private sealed class Account(DateOnly day)
    {
        public Lock Lock { get; } = new();

        public DateOnly Day => day;

        public long Bytes { get; set; }

        /// <summary>Classes by model.</summary>
        public Dictionary<string, int> Models { get; } = new(StringComparer.Ordinal);
    }
}
