using System.Globalization;

namespace Fleet.Contracts.Rollouts;

/// <summary>What a plan asks beside its release and its waves, as people read it.</summary>
public static class RolloutPlanWords
{
    /// <summary>What the plan moves: <c>vibration 3</c>, or <c>vibration 3 and sound 2</c>.</summary>
    public static string ReleasesInWords(this RolloutPlan plan)
    {
        var moved = plan.Moved();
        return moved.Count == 1
            ? $"{moved[0]}"
            : $"{string.Join(", ", moved.SkipLast(1))} and {moved[^1]}";
    }

    /// <summary>The plan's limits by name, those that it does not set left out.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> LimitsInWords(this RolloutPlan plan)
    {
        (string Name, string? Words)[] all =
        [
            ("Stops", Invariant($"above {100 * plan.MaximumFailureRate:0.##} % failed of at least {plan.MinimumFinished:N0} finished")),
            ("Next wave", plan.MinimumSuccessRate is { } enough ? Invariant($"once {100 * enough:0.##} % of a wave serve") : null),
            ("Phase deadline", string.Join(", ", [
                Of(plan.PhaseDeadline), .. plan.PhaseDeadlines.Select(each => $"{each.Phase.ToWords()} {Of(each.Deadline)}"),
            ])),
            ("Wave deadline", plan.WaveDeadline is { } wave ? Of(wave) : null),
            ("Soak", plan.SoakTime > TimeSpan.Zero ? Of(plan.SoakTime) : null),
            ("Window", plan.Window is { } window ? $"devices switch between {window} of their own day" : null),
            ("Unavailable at once", plan.MaximumUnavailable is { } budget ? Of(budget) : null),
            ("Bytes of a device", plan.MaximumBytesPerDevice is { } one ? Invariant($"up to {one:N0}") : null),
            ("Bytes together", plan.MaximumBytes is { } together ? Invariant($"up to {together:N0}") : null),
        ];
        return [.. all.Where(each => each.Words is not null).Select(each => KeyValuePair.Create(each.Name, each.Words!))];
    }

    private static string Of(DisruptionBudget budget) => budget.Count is { } count
        ? Invariant($"at most {count:N0} of the devices with one value of {budget.Label}")
        : Invariant($"at most {budget.Percent:0.##} % of the devices with one value of {budget.Label}");

    /// <summary>A duration in its units from days to seconds, without those that are nought.</summary>
    private static string Of(TimeSpan time) => string.Join(' ', new (int Number, string Unit)[]
    {
        ((int)time.TotalDays, "d"), (time.Hours, "h"), (time.Minutes, "min"), (time.Seconds, "s"),
    }.Where(part => part.Number > 0).Select(part => Invariant($"{part.Number} {part.Unit}")).DefaultIfEmpty("less than 1 s"));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
