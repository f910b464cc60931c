using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>A rollout as it is stored: the frozen plan, where its waves end, and how far it got.</summary>
/// <remarks>
/// Membership is frozen as one order of devices (<see cref="RolloutMembers"/>); a wave is a stretch of it, and <see cref="Told"/>
/// is a cursor along it. Device rollouts and desired states are written in the same commit that moves the cursor, so a server
/// killed at any point continues exactly where the store says.
/// </remarks>
internal sealed record Rollout
{
    public required string Id { get; init; }

    /// <summary>What was asked; never changes.</summary>
    public required RolloutPlan Plan { get; init; }

    /// <summary>The waves, frozen at the start.</summary>
    public required IReadOnlyList<Wave> Waves { get; init; }

    /// <summary>Devices the filter selected and the rollout left out.</summary>
    public IReadOnlyList<RolloutExclusion> Excluded { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public RolloutStatus Status { get; init; } = RolloutStatus.Running;

    /// <summary>Why it stands there.</summary>
    public string Reason { get; init; } = "";

    /// <summary>True when the rules paused it rather than a person: resuming then accepts the failures that caused it.</summary>
    public bool PausedByRule { get; init; }

    /// <summary>Who started it; null for rollouts of before that was kept.</summary>
    public string? StartedBy { get; init; }

    /// <summary>Who approved it.</summary>
    public string? ApprovedBy { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was ordered, as <see cref="OrderTimes"/> says; rollouts of before that was kept, when they began.</summary>
    public DateTimeOffset DecidedAt { get => field == default ? CreatedAt : field; init; }

    /// <summary>When it was resumed last. Deadlines count from here: while it was paused nothing was judged.</summary>
    public DateTimeOffset? ResumedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The open wave, from 1.</summary>
    public int OpenWave { get; init; } = 1;

    /// <summary>Devices told so far, along the frozen order.</summary>
    public int Told { get; init; }

    /// <summary>True while devices that failed wait to be told once more, as its budgets let them go.</summary>
    public bool Retries { get; init; }

    /// <summary>When it gives devices back: how far along the same order.</summary>
    [JsonPropertyName("sentBack")]
    public int Reversed { get; init; }

    /// <summary>Metrics that the canary paused it for and an operator resumed it in spite of: they are judged no more.</summary>
    public IReadOnlyList<string> AcceptedMetrics { get; init; } = [];

    /// <summary>
    /// True when it was aborted by a program that takes its orders back from devices that do not serve its release. One that was aborted
    /// before left them.
    /// </summary>
    public bool Withdraws { get; init; }

    /// <summary>
    /// When rolled back: where its devices go, a release of each model; empty for what each of them served before.
    /// </summary>
    public IReadOnlyList<PlannedRelease> ReturnsTo
    {
        get => field ?? (ReturnTo is { } version ? [new PlannedRelease(Plan.Moved()[0].Model, version)] : []);
        init;
    }

    /// <summary>Where rollouts of one model kept that, before there were several; only read.</summary>
    public int? ReturnTo { get; init; }

    /// <summary>Where a model goes when it is rolled back; null for what each device served before.</summary>
    public int? ReturnOf(string model) => ReturnsTo.FirstOrDefault(release => release.Model == model)?.Version;

    /// <summary>The standing targets that it moves, one for each release; empty for rollouts of before there were targets.</summary>
    public IReadOnlyList<MovedTarget> Targets
    {
        get => field ?? (Target is null ? [] : [new MovedTarget(Plan.Moved()[0].Model, Target, Before)]);
        init;
    }

    /// <summary>Where rollouts of one model kept their target, before there were several; only read.</summary>
    public string? Target { get; init; }

    /// <summary>What that target had when it began; only read.</summary>
    public TargetRelease? Before { get; init; }

    /// <summary>What holds its releases together on a device; null where it moves one.</summary>
    public string? Group() => Plan.Moved().Count > 1 ? Id : null;

    /// <summary>True when its waves end with every device the target selects: then the target moves, and late devices join.</summary>
    public bool IsWhole { get; init; }

    /// <summary>Devices that it told and keeps nothing of any more, as they stood last.</summary>
    public IReadOnlyList<ForgottenDevices> Forgotten { get; init; } = [];

    /// <summary>Members in all.</summary>
    public int Members => Waves.Count == 0 ? 0 : Waves[^1].End;

    public Wave Open => Waves[OpenWave - 1];

    /// <summary>True while the engine still has something to do for it.</summary>
    public bool IsOpen
        => Status is RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval || (TakesBack && Reversed < Told);

    /// <summary>
    /// True when it has ended and takes its orders back: from all its devices, or from those that do not serve its release.
    /// </summary>
    public bool TakesBack => Status == RolloutStatus.RolledBack || (Status == RolloutStatus.Aborted && Withdraws);

    /// <summary>True when no wave follows the open one.</summary>
    public bool OnLastWave => OpenWave == Waves.Count;

    /// <summary>Counts a wave.</summary>
    /// <param name="wave">The wave.</param>
    /// <param name="devices">Its device rollouts.</param>
    public WaveTally TallyOf(Wave wave, IEnumerable<DeviceRollout> devices)
    {
        // One that is on its way back, or is back, is not on its way to the release any more.
        var counts = devices.Where(device => device is not { Status: DeviceRolloutStatus.Running, Return: not null })
            .CountBy(device => device.Status).ToDictionary();
        foreach (var gone in Forgotten.Where(gone => gone.Wave == wave.Number))
            if (gone is not { Status: DeviceRolloutStatus.Running, Return: not null })
                counts[gone.Status] = counts.GetValueOrDefault(gone.Status) + gone.Devices;
        var left = counts.GetValueOrDefault(DeviceRolloutStatus.Left);
        // They were told, failed, and are to be told once more.
        var again = counts.GetValueOrDefault(DeviceRolloutStatus.Waiting);
        return new WaveTally(
            wave.Total - left,
            Math.Max(0, Math.Min(Told, wave.End) - wave.Start - wave.Skipped - left - again),
            counts.GetValueOrDefault(DeviceRolloutStatus.Running),
            counts.GetValueOrDefault(DeviceRolloutStatus.Succeeded),
            counts.GetValueOrDefault(DeviceRolloutStatus.Failed),
            wave.Acknowledged);
    }

    /// <summary>With some of its devices counted instead of kept.</summary>
    public Rollout Forgetting(IEnumerable<DeviceRollout> devices) => this with
    {
        Forgotten =
        [
            .. Forgotten.Concat(devices.Select(device => new ForgottenDevices(device.Wave, device.Status, device.Return?.Status, 1)))
                .GroupBy(gone => gone with { Devices = 0 }).Select(same => same.Key with { Devices = same.Sum(gone => gone.Devices) }),
        ],
    };

    /// <summary>With the open wave replaced.</summary>
    public Rollout WithOpen(Wave wave) => this with { Waves = [.. Waves.Select(each => each.Number == wave.Number ? wave : each)] };
}

/// <summary>A part of a rollout's frozen order. Stored as <c>{rollout}/{number:0000}</c>, <see cref="Size"/> devices each.</summary>
/// <param name="Devices">Devices in the order they are told.</param>
internal sealed record RolloutMembers(IReadOnlyList<DeviceId> Devices)
{
    /// <summary>Devices in one document: the same number that is told in one commit.</summary>
    public const int Size = 250;

    /// <summary>The id of one part.</summary>
    public static string IdOf(string rollout, int number) => $"{rollout}/{number:0000}";
}

/// <summary>Devices that a rollout keeps nothing of any more.</summary>
/// <param name="Wave">Their wave, from 1.</param>
/// <param name="Status">Where they stood.</param>
/// <param name="Return">How far they were on their way back; null where nobody sent them back.</param>
/// <param name="Devices">How many.</param>
internal sealed record ForgottenDevices(int Wave, DeviceRolloutStatus Status, DeviceReturnStatus? Return, int Devices);

/// <summary>A standing target that a rollout moves.</summary>
/// <param name="Model">Its model.</param>
/// <param name="Target">Its name.</param>
/// <param name="Before">What it had when the rollout began; null for nothing.</param>
internal sealed record MovedTarget(string Model, string Target, TargetRelease? Before = null);

/// <summary>
/// Names the rollout that is open for a model; its id is the model's name, so the store itself refuses a second one.
/// </summary>
/// <param name="Rollout">The rollout.</param>
internal sealed record OpenRollout(string Rollout);
