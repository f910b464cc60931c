using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.Rollouts;

/// <summary>What an operator asks: which releases, for which devices, in which waves, and when to stop.</summary>
public sealed record RolloutPlan
{
    /// <summary>Model name, in a plan that names one release so.</summary>
    public string? Model { get; init; }

    /// <summary>Its release number.</summary>
    public int? Version { get; init; }

    /// <summary>
    /// In place of both: releases of several models, which every device switches to together, or to none of them. Everything inside asks
    /// <see cref="Moved"/>.
    /// </summary>
    public IReadOnlyList<PlannedRelease>? Releases { get; init; }

    /// <summary>Which devices, as <see cref="DeviceFilter"/> reads it; empty selects all.</summary>
    public string Filter { get; set; } = "";

    /// <summary>The waves. Percentages and counts are cumulative: <c>5%, 25%, 100%</c>.</summary>
    public required IReadOnlyList<WavePlan> Waves { get; init; }

    /// <summary>The rollout stops when a wave's share of failed among finished devices exceeds this, 0 to 1.</summary>
    public double MaximumFailureRate { get; set; } = 0.1;

    /// <summary>Finished devices of a wave before its failure rate is judged.</summary>
    public int MinimumFinished { get; set; } = 1;

    /// <summary>
    /// Share of a wave's devices, above 0 and at most 1, that must serve the release before the next wave opens; the rest may finish later.
    /// Null waits until every device has finished.
    /// </summary>
    public double? MinimumSuccessRate { get; init; }

    /// <summary>How long a device may stay in one phase, or say nothing, before it counts as failed.</summary>
    public TimeSpan PhaseDeadline { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Deadlines of single phases, where they differ: a download over a slow line.</summary>
    public IReadOnlyList<PhaseDeadline> PhaseDeadlines { get; set; } = [];

    /// <summary>How long a device may take, from when its wave tells it, before it counts as failed; null for no limit.</summary>
    public TimeSpan? WaveDeadline { get; init; }

    /// <summary>How long a finished wave is watched before the next one opens.</summary>
    public TimeSpan SoakTime { get; set; } = TimeSpan.Zero;

    /// <summary>How devices with the release are compared with those that wait; unless told otherwise, by all its metrics.</summary>
    public CanaryPlan Canary { get; set; } = new();

    /// <summary>
    /// Most bytes that a device may fetch; one that could need more is left out, and one that repeats its downloads is refused more. Null
    /// for no limit.
    /// </summary>
    public long? MaximumBytesPerDevice { get; init; }

    /// <summary>
    /// Most bytes that all devices together may fetch; a rollout that could need more is refused, and one whose devices repeat their
    /// downloads tells nobody whom the rest does not suffice for. Null for no limit.
    /// </summary>
    public long? MaximumBytes { get; init; }

    /// <summary>How many devices that share the value of a label may be unavailable at once; null for no limit.</summary>
    public DisruptionBudget? MaximumUnavailable { get; init; }

    /// <summary>When devices may switch, by their own clock and time zone; they fetch and measure before. Null for at once.</summary>
    public ActivationWindow? Window { get; init; }

    /// <summary>True when a second person must approve before the first device is told.</summary>
    public bool RequiresApproval { get; init; }

    /// <summary>True to abort the open rollouts of its models, if there are any, and take their place.</summary>
    public bool Supersede { get; init; }

    /// <summary>What is moved, however the plan names it: one release, or several together.</summary>
    public IReadOnlyList<PlannedRelease> Moved() => Releases ?? [new PlannedRelease(Model ?? "", Version ?? 0)];

    /// <summary>How long a device may stay in a phase. Waiting for a window, or for a sign of the device, may take a day.</summary>
    public TimeSpan DeadlineOf(DeploymentPhase phase)
    {
        var deadline = PhaseDeadlines.FirstOrDefault(each => each.Phase == phase)?.Deadline ?? PhaseDeadline;
        return phase == DeploymentPhase.Holding && PhaseDeadlines.All(each => each.Phase != phase) && deadline < LongestWait
            ? LongestWait
            : deadline;
    }

    /// <summary>A day and an hour: the same time of day is reached however clocks are put forward or back.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(25);

    /// <summary>Every rule the plan breaks.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        problems.AddRange(ProblemsOfReleases());
        if (!DeviceFilter.TryParse(Filter, out _, out var problem)) problems.Add(problem);
        problems.AddRange(ProblemsOfWaves());
        if (MaximumFailureRate is not (>= 0 and <= 1)) problems.Add($"maximumFailureRate {MaximumFailureRate} must be within 0..1.");
        if (MinimumFinished < 1) problems.Add($"minimumFinished {MinimumFinished} must be at least 1.");
        if (PhaseDeadline <= TimeSpan.Zero) problems.Add("phaseDeadline must be above zero.");
        if (SoakTime < TimeSpan.Zero) problems.Add("soakTime must not be negative.");
        problems.AddRange(ProblemsOfLimits());
        problems.AddRange(Canary.Problems());
        return problems;
    }

    private IEnumerable<string> ProblemsOfReleases()
    {
        if (Releases is not null && (Model is not null || Version is not null))
            yield return "a plan names either model and version, or releases.";
        if (Releases is { Count: 0 or > Limits.ModelsPerDevice } some)
            yield return $"releases: 1 to {Limits.ModelsPerDevice} are allowed, not {some.Count}.";
        foreach (var release in Moved())
        {
            if (!Names.IsName(release.Model)) yield return $"model '{release.Model}' must be {Names.Rule}.";
            if (release.Version < 1) yield return $"version {release.Version} must be at least 1.";
        }
        foreach (var twice in Moved().GroupBy(release => release.Model).Where(group => group.Count() > 1))
            yield return $"releases: model '{twice.Key}' is named twice.";
    }

    private IEnumerable<string> ProblemsOfLimits()
    {
        if (MinimumSuccessRate is not (null or (> 0 and <= 1)))
            yield return $"minimumSuccessRate {MinimumSuccessRate} must be above 0 and at most 1.";
        if (PhaseDeadlines.Any(each => each.Deadline <= TimeSpan.Zero)) yield return "phaseDeadlines must be above zero.";
        if (PhaseDeadlines.DistinctBy(each => each.Phase).Count() != PhaseDeadlines.Count)
            yield return "phaseDeadlines: a phase is named twice.";
        if (WaveDeadline <= TimeSpan.Zero) yield return "waveDeadline must be above zero.";
        if (MaximumBytesPerDevice < 1) yield return $"maximumBytesPerDevice {MaximumBytesPerDevice} must be at least 1.";
        if (MaximumBytes < 1) yield return $"maximumBytes {MaximumBytes} must be at least 1.";
        if (Window is { } window && window.From == window.To)
            yield return $"window {window} is empty: it opens and closes at the same time.";
        if (MaximumUnavailable is not { } budget) yield break;
        if (!Names.IsName(budget.Label)) yield return $"maximumUnavailable.label '{budget.Label}' must be {Names.Rule}.";
        if (budget.Percent is null == budget.Count is null) yield return "maximumUnavailable has either percent or count.";
        if (budget.Percent is not (null or (> 0 and <= 100)))
            yield return "maximumUnavailable.percent must be above 0 and at most 100.";
        if (budget.Count < 1) yield return "maximumUnavailable.count must be at least 1.";
    }

    private IEnumerable<string> ProblemsOfWaves()
    {
        if (Waves.Count is 0 or > Limits.WavesPerRollout)
            yield return $"waves: 1 to {Limits.WavesPerRollout} are allowed, not {Waves.Count}.";
        if (Waves.Any(wave => new[]
        {
            wave.Percent is not null, wave.Count is not null, wave.Filter is not null,
        }.Count(given => given) != 1))
            yield return "waves: each has one of percent, count and filter.";
        foreach (var wave in Waves)
        {
            if (!DeviceFilter.TryParse(wave.Filter, out var filter, out var problem)) yield return problem;
            else if (wave.Filter is not null && filter.Terms.Count == 0)
                yield return "waves: a filter must name devices; 100 % takes the rest.";
        }
        if (Waves.Any(wave => wave.Percent is not (null or (> 0 and <= 100))))
            yield return "waves: percent must be above 0 and at most 100.";
        if (Waves.Any(wave => wave.Count is < 1)) yield return "waves: count must be at least 1.";
        for (var i = 1; i < Waves.Count; i++)
        {
            if (Waves[i].Percent <= Waves[i - 1].Percent) yield return $"waves[{i}].percent must be greater than waves[{i - 1}].percent.";
            if (Waves[i].Count <= Waves[i - 1].Count) yield return $"waves[{i}].count must be greater than waves[{i - 1}].count.";
        }
    }
}

/// <summary>A release that a plan moves.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release number.</param>
public sealed record PlannedRelease(string Model, int Version)
{
    /// <summary>As people read it: <c>vibration 3</c>.</summary>
    public override string ToString() => $"{Model} {Version}";

    /// <summary>Reads <c>vibration=3</c>; null for what is not a release.</summary>
    public static PlannedRelease? Parse(string text)
        => text.Split('=') is [var model, var number] && Names.IsName(model)
            && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var version)
            ? new PlannedRelease(model, version)
            : null;

    /// <summary>Reads <c>vibration=3,sound=2</c>; nothing reads as none.</summary>
    public static bool TryParseAll(string? text, out IReadOnlyList<PlannedRelease> releases, out string? problem)
    {
        var parts = string.IsNullOrEmpty(text) ? [] : text.Split(',');
        releases = [.. parts.Select(Parse).OfType<PlannedRelease>()];
        problem = releases.Count == parts.Length
            ? null
            : $"'{parts.First(part => Parse(part) is null)}' is not a release: write NAME=N, joined by commas: vibration=3,sound=2.";
        return problem is null;
    }
}

/// <summary>One wave: how many of the selected devices have been told when it is open, those of earlier waves included.</summary>
public sealed record WavePlan
{
    /// <summary>Share of the selection in percent, above 0 and at most 100.</summary>
    public double? Percent { get; init; }

    /// <summary>Or a number of devices.</summary>
    public int? Count { get; init; }

    /// <summary>Or those of the selection that this filter selects and no earlier wave has told.</summary>
    public string? Filter { get; init; }
}

/// <summary>How long a device may stay in one phase.</summary>
public sealed record PhaseDeadline(DeploymentPhase Phase, TimeSpan Deadline);

/// <summary>
/// At most so many devices with one value of a label are unavailable at once, offline or on their way in any rollout: by number, or by
/// share of all devices with that value.
/// </summary>
public sealed record DisruptionBudget
{
    /// <summary>Name of the label. Devices without it are a group of their own.</summary>
    public required string Label { get; init; }

    /// <summary>Number of devices.</summary>
    public int? Count { get; init; }

    /// <summary>Or share in percent, rounded down, at least one device.</summary>
    public double? Percent { get; init; }
}
