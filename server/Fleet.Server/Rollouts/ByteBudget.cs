using System.Collections.Frozen;
using System.Globalization;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// How many bytes the devices of a rollout may still fetch together: what the plan allows, less what was served and what those on their
/// way may still need.
/// </summary>
/// <remarks>It is read anew for each part of a wave, which costs as many documents as devices were told.</remarks>
internal sealed class ByteBudget
{
    private const string AllGranted = "The devices of the rollout have fetched what its plan allows them together.";

    private readonly long? _most;
    private readonly long _served;
    private readonly IReadOnlyDictionary<string, FetchedBytes> _fetched;
    private long _needed;

    private ByteBudget(long? most, long served, IReadOnlyDictionary<string, FetchedBytes> fetched)
        => (_most, _served, _fetched) = (most, served, fetched);

    /// <summary>Documents that were read for it.</summary>
    public int Read { get; private set; }

    /// <summary>True when devices are on their way that may need less than they could.</summary>
    public bool MayGetBetter => _needed > 0;

    /// <summary>Why a device may not be sent so many bytes; null when it may.</summary>
    /// <param name="plan">What the operator asked.</param>
    /// <param name="one">Bytes that were granted to the device.</param>
    /// <param name="together">Bytes that were granted to all devices of the rollout.</param>
    /// <param name="bytes">Most bytes of the answer.</param>
    public static string? ReasonAgainst(RolloutPlan plan, long one, long together, long bytes)
    {
        if (plan.MaximumBytesPerDevice is { } most && most - one < bytes)
            return Text($"The device has fetched {one:N0} bytes for the rollout and asks for {bytes:N0} more; the plan allows {most:N0}.");
        // Without figures: whoever sees this device alone is told nothing of the others.
        return plan.MaximumBytes is { } all && all - together < bytes ? AllGranted : null;
    }

    /// <summary>The budget of a rollout as it stands.</summary>
    public static async Task<ByteBudget> ReadAsync(
        IFleetStore store, FetchLedger ledger, Rollout rollout, CancellationToken cancellationToken)
    {
        if (rollout.Plan.MaximumBytes is null) return new ByteBudget(null, 0, FrozenDictionary<string, FetchedBytes>.Empty);
        await ledger.WriteAsync(cancellationToken);
        var served = (await store.FindAsync<FetchedBytes>(rollout.Id, cancellationToken))?.Document.Bytes ?? 0;
        var budget = new ByteBudget(
            rollout.Plan.MaximumBytes, served, await store.FetchedAsync(rollout.Id, cancellationToken));
        budget.Read += budget._fetched.Count;
        await foreach (var part in store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken))
        {
            budget.Read++;
            if (part.Document.Status == DeviceRolloutStatus.Running) budget.Count(budget.NeedOf(part.Document));
        }
        return budget;
    }

    /// <summary>What a device may still have to fetch, less what it has.</summary>
    public long NeedOf(DeviceRollout part)
        => Math.Max(0, part.MostBytes - (_fetched.GetValueOrDefault(DeviceRollout.IdOf(part.Rollout, part.Device))?.Bytes ?? 0));

    /// <summary>Why a device that could fetch so many bytes may not be told yet; null when it may.</summary>
    public string? ReasonAgainst(long bytes) => _most - _served - _needed < bytes
        ? Text($"Devices have fetched {_served:N0} bytes of {_most:N0}; those on their way may need {_needed:N0}, the next {bytes:N0}.")
        : null;

    /// <summary>Counts a device that is told.</summary>
    public void Count(long bytes) => _needed += bytes;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
