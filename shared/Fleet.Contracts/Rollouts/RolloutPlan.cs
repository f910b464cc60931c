using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Rollouts;

/// <summary>What an operator asks: which release, for which devices, in which waves, and when to stop.</summary>
public sealed record RolloutPlan
{
    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>Release number.</summary>
    public required int Version { get; init; }

    /// <summary>Which devices, as <see cref="DeviceFilter"/> reads it; empty selects all.</summary>
    public string Filter { get; set; } = "";

    /// <summary>The waves. Percentages and counts are cumulative: <c>5%, 25%, 100%</c>.</summary>
    public required IReadOnlyList<WavePlan> Waves { get; init; }

    /// <summary>The rollout stops when a wave's share of failed among finished devices exceeds this, 0 to 1.</summary>
    public double MaximumFailureRate { get; set; } = 0.1;

    /// <summary>Finished devices of a wave before its failure rate is judged.</summary>
    public int MinimumFinished { get; set; } = 1;

    /// <summary>How long a device may stay in one phase, or say nothing, before it counts as failed.</summary>
    public TimeSpan PhaseDeadline { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a finished wave is watched before the next one opens.</summary>
    public TimeSpan SoakTime { get; set; } = TimeSpan.Zero;

    /// <summary>How devices with the release are compared with those that wait; unless told otherwise, by all its metrics.</summary>
    public CanaryPlan Canary { get; set; } = new();

    /// <summary>Every rule the plan breaks.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!Names.IsName(Model)) problems.Add($"model '{Model}' must be {Names.Rule}.");
        if (Version < 1) problems.Add($"version {Version} must be at least 1.");
        if (!DeviceFilter.TryParse(Filter, out _, out var problem)) problems.Add(problem);
        problems.AddRange(ProblemsOfWaves());
        if (MaximumFailureRate is not (>= 0 and <= 1)) problems.Add($"maximumFailureRate {MaximumFailureRate} must be within 0..1.");
        if (MinimumFinished < 1) problems.Add($"minimumFinished {MinimumFinished} must be at least 1.");
        if (PhaseDeadline <= TimeSpan.Zero) problems.Add("phaseDeadline must be above zero.");
        if (SoakTime < TimeSpan.Zero) problems.Add("soakTime must not be negative.");
        problems.AddRange(Canary.Problems());
        return problems;
    }

    private IEnumerable<string> ProblemsOfWaves()
    {
        if (Waves.Count is 0 or > Limits.WavesPerRollout)
            yield return $"waves: 1 to {Limits.WavesPerRollout} are allowed, not {Waves.Count}.";
        if (Waves.Any(wave => wave.Percent is null == wave.Count is null)) yield return "waves: each has either percent or count.";
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

/// <summary>One wave: how many of the selected devices have been told when it is open, those of earlier waves included.</summary>
public sealed record WavePlan
{
    /// <summary>Share of the selection in percent, above 0 and at most 100.</summary>
    public double? Percent { get; init; }

    /// <summary>Or a number of devices.</summary>
    public int? Count { get; init; }
}
