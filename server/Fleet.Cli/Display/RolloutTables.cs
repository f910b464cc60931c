using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Display;

/// <summary>Rollouts as tables: all of them, or one with its waves and its devices.</summary>
internal static class RolloutTables
{
    /// <summary>Every rollout in a line that a terminal of 80 columns shows whole, then why some stand where they stand.</summary>
    public static void WriteList(Shell screen, IReadOnlyList<RolloutView> rollouts, DateTimeOffset now)
    {
        var sheet = new Sheet("rollout", "release", "status", ">wave", ">done", ">failed", ">age");
        foreach (var rollout in rollouts)
        {
            var failed = rollout.Waves.Sum(wave => wave.Failed);
            var finished = failed + rollout.Waves.Sum(wave => wave.Succeeded);
            sheet.Add(
                rollout.Id, InShort(rollout.Plan), Words.Status(rollout.Status),
                $"{rollout.OpenWave}/{rollout.Waves.Count}",
                $"{100 * finished / Math.Max(1, rollout.Waves.Sum(wave => wave.Total))} %",
                new Cell(Figures.Count(failed), failed > 0 ? Tone.Bad : Tone.Plain), DurationText.Of(now - rollout.CreatedAt));
        }
        screen.Write(sheet);
        if (rollouts.Any(rollout => rollout.Reason.Length > 0)) screen.WriteLine();
        foreach (var rollout in rollouts.Where(rollout => rollout.Reason.Length > 0))
            screen.WriteSentence($"{rollout.Id}: {rollout.Reason}");
        if (sheet.Count == 0) screen.WriteHint("There are no rollouts. 'fleet rollouts start --help' shows how to start one.");
    }

    private static string InShort(RolloutPlan plan)
        => plan.Moved() is [var first, _, ..] several ? $"{first} +{several.Count - 1}" : plan.ReleasesInWords();

    public static void Write(Shell screen, RolloutView rollout)
    {
        var plan = rollout.Plan;
        screen.WriteHeading($"Rollout {rollout.Id} of {plan.ReleasesInWords()}: {rollout.Status.ToWords()}");
        if (rollout.Reason.Length > 0) screen.WriteSentence(rollout.Reason);
        screen.WriteSentence($"Devices: {(plan.Filter.Length > 0 ? plan.Filter : "all")}; started {Figures.Moment(rollout.CreatedAt)}.");
        foreach (var (name, words) in plan.LimitsInWords()) screen.WriteSentence($"{name}: {words}.");
        if (rollout.Fetched > 0) screen.WriteSentence($"Fetched: {Figures.Bytes(rollout.Fetched)}.");
        if (rollout.ApprovedBy is { } approver) screen.WriteSentence($"Started by {rollout.StartedBy}, approved by {approver}.");
        screen.WriteLine();

        var waves = new Sheet(">wave", "size", ">devices", ">waiting", ">running", ">succeeded", ">failed", "opened", "finished");
        foreach (var wave in rollout.Waves)
        {
            var size = plan.Waves.ElementAtOrDefault(wave.Number - 1);
            waves.Add(
                wave.Number, SizeOf(size), wave.Total, wave.Waiting, wave.Running,
                wave.Succeeded, new Cell($"{wave.Failed}", wave.Failed > 0 ? Tone.Bad : Tone.Plain), Figures.Moment(wave.OpenedAt),
                Figures.Moment(wave.FinishedAt));
        }
        screen.Write(waves);
        foreach (var wave in rollout.Waves.Where(wave => wave.Held is not null))
            screen.WriteSentence($"Wave {wave.Number} waits: {wave.Held}");
        CanaryTable.Write(screen, rollout);
        foreach (var left in rollout.Excluded) screen.WriteSentence(TargetTables.ExclusionOf("Left out", left));
        if (rollout.Returns is not null) screen.WriteSentence($"Of the devices it told: {ReturnsOf(rollout.Returns)}.");
        if (rollout.Forgotten > 0)
            screen.WriteSentence($"No longer listed, since it ended long ago: {Figures.Counted(rollout.Forgotten, "device")}.");
        if (rollout.Devices.Count == 0) return;

        screen.WriteLine();
        var scores = new ScoreColumn(rollout.Devices.Select(device => device.Measured));
        var devices = new Sheet("device", ">wave", "status", "phase", "variant", $">{scores.Title}", ">p50 / p95?", "detail");
        foreach (var device in rollout.Devices.OrderBy(device => device.Wave).ThenBy(device => device.Device.Value))
        {
            devices.Add(
                device.Device.Value, device.Wave, StatusOf(device), Words.Phase(device.Phase), device.VariantInWords() ?? Figures.None,
                scores.Of(device.Measured) ?? Figures.None, Figures.Latency(device.Measured?.Latency),
                DetailOf(device));
        }
        screen.Write(devices);
    }

    /// <summary>What a plan would do.</summary>
    public static void WritePreview(Shell screen, RolloutPlan plan, RolloutPreview preview)
    {
        var moves = preview.Targets.Select(target => $"target {target.Target} to {target.Model} {target.Version} "
            + (target.Before is { } version ? $"from {version}" : "for the first time"));
        screen.WriteHeading($"Would move {string.Join(" and ", moves)}; nothing was changed");
        var moved = plan.Moved();
        string Said(PlannedRelease release) => moved.Count == 1 ? $"{release.Version}" : $"{release}";
        var sheet = new Sheet("device", ">wave", ">serves", ">gets", ">fetches up to");
        foreach (var device in preview.Devices)
        {
            sheet.Add(
                device.Device.Value, device.Wave > 0 ? $"{device.Wave}" : Figures.None,
                device.ServesNow.Count > 0 ? string.Join(", ", device.ServesNow.Select(Said)) : Figures.None,
                device.Wave > 0 ? string.Join(", ", moved.Select(Said)) : "stays", Figures.Bytes(device.Bytes));
        }
        screen.Write(sheet);
        screen.WriteSentence($"{Figures.Counted(preview.Devices.Count(device => device.Wave > 0), "device")} would fetch up to "
            + $"{Figures.Bytes(preview.Bytes)} together.");
        foreach (var left in preview.Excluded) screen.WriteSentence(TargetTables.ExclusionOf("Left out", left));
    }

    private static string SizeOf(WavePlan? wave) => wave switch
    {
        { Percent: { } percent } => FormattableString.Invariant($"{percent:0.##} %"),
        { Filter: { } filter } => filter,
        _ => $"{wave?.Count}",
    };

    /// <summary>How far devices are on their way back.</summary>
    public static string ReturnsOf(ReturnsView? returns)
    {
        if (returns is null) return "no device had to return";
        (int Count, string What)[] parts =
        [
            (returns.SentBack, "sent back"), (returns.Returned, "returned"), (returns.NotReturned, "could not return"),
            (returns.Superseded, "told something newer since"),
        ];
        return string.Join(", ", parts.Where(part => part.Count > 0).Select(part => $"{Figures.Count(part.Count)} {part.What}"));
    }

    private static Cell StatusOf(DeviceRolloutView device)
    {
        if (device.Return is not { } way) return Words.Status(device.Status);
        var status = Words.Status(way.Status);
        return device.Status == DeviceRolloutStatus.Failed ? new Cell($"failed, {status.Text}", Tone.Bad) : status;
    }

    private static string DetailOf(DeviceRolloutView device)
    {
        var failure = device.Failure == DeploymentFailure.None ? device.Detail : $"{device.Failure.ToWords()}: {device.Detail}";
        if (device.Return is not { } way) return failure;
        var to = device.ReturnInWords()!;
        var why = way.Failure == DeploymentFailure.None ? way.Detail : $"{way.Failure.ToWords()}: {way.Detail}";
        return string.Join("; ", ((string[])[why.Length > 0 ? $"{to}: {why}" : to, failure]).Where(part => part.Length > 0));
    }
}
