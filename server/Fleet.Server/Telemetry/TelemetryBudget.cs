using System.Collections.Concurrent;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Messaging;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>Who sends telemetry.</summary>
/// <param name="Device">The device.</param>
/// <param name="Identity">Which enrollment of it; null where that is not known.</param>
internal readonly record struct TelemetrySender(DeviceId Device, string? Identity);

/// <summary>
/// What each device may store in a day: bytes, and models, each of which is a line on a page that all devices share, with its classes.
/// Bytes are counted on from those in the store, so that a restart is worth nothing. Models are counted in memory: after a restart, which
/// no device can bring about, one may tell of as many others. Who is enrolled anew with a new key, which an operator allows, begins anew,
/// so that nobody who held the key before keeps it silent.
/// </summary>
internal sealed class TelemetryBudget(IFleetStore store, FleetOptions options, TimeProvider time)
{
    /// <summary>Models of a device in a day; it runs fewer at a time.</summary>
    public const int ModelsPerDay = 4 * Limits.ModelsPerDevice;

    private readonly ConcurrentDictionary<DeviceId, Account> _accounts = new();

    /// <summary>Why a message is not stored; null when it may be.</summary>
    public async Task<MessageRefusal?> RefusalAsync(
        TelemetrySender sender, long bytes, IReadOnlyList<TelemetryBatch> batches, CancellationToken cancellationToken)
    {
        var account = Today(sender);
        if (!account.IsRead) account.Read(await store.SampleBytesAsync(sender.Device, sender.Identity, account.Day, cancellationToken));
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
    public void Stored(TelemetrySender sender, long bytes, IReadOnlyList<TelemetryBatch> batches)
    {
        var account = Today(sender);
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

    private Account Today(TelemetrySender sender)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        return _accounts.AddOrUpdate(sender.Device,
            static (_, now) => new Account(now.Day, now.Identity),
            static (_, account, now) => account.Day == now.Day && account.Identity == now.Identity ? account : new(now.Day, now.Identity),
            (Day: today, sender.Identity));
    }

    /// <summary>Messages of one device come one after another, and a report that is carried here in a file beside them.</summary>
    private sealed class Account(DateOnly day, string? identity)
    {
        public Lock Lock { get; } = new();

        public DateOnly Day => day;

        public string? Identity => identity;

        /// <summary>Whether <see cref="Bytes"/> hold what was stored before this account was opened.</summary>
        public bool IsRead { get; private set; }

        public long Bytes { get; set; }

        /// <summary>Classes by model.</summary>
        public Dictionary<string, int> Models { get; } = new(StringComparer.Ordinal);

        /// <summary>Takes what is in the store. Whoever stored meanwhile is in it, and is counted once.</summary>
        public void Read(long stored)
        {
            using var locked = Lock.EnterScope();
            if (IsRead) return;
            (Bytes, IsRead) = (stored, true);
        }
    }
}
