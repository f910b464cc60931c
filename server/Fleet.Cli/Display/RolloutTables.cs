using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Display;

/// <summary>A rollout as tables: its waves, then its devices.</summary>
internal static class RolloutTables
{
    public static void Write(Shell screen, RolloutView rollout)
    {
        var plan = rollout.Plan;
        screen.WriteHeading($"Rollout {rollout.Id} of {plan.Model} {plan.Version}: {Words.Of(rollout.Status)}{(rollout.Reason.Length > 0 ? ", " + rollout.Reason : "")}");
        screen.WriteSentence($"Devices {(plan.Filter.Length > 0 ? plan.Filter : "all")}; stops above {Figures.Percent(plan.MaximumFailureRate)} failed of at least {plan.MinimumFinished} finished; "
            + $"phase deadline {DurationText.Of(plan.PhaseDeadline)}, soak {DurationText.Of(plan.SoakTime)}; started {Figures.Moment(rollout.CreatedAt)}");
        screen.WriteLine();

        var waves = new Sheet(">wave", "size", ">devices", ">waiting", ">running", ">succeeded", ">failed", "opened", "finished");
        foreach (var wave in rollout.Waves)
        {
            var size = plan.Waves.ElementAtOrDefault(wave.Number - 1);
            waves.Add(wave.Number, size?.Percent is { } percent ? FormattableString.Invariant($"{percent:0.##} %") : $"{size?.Count}", wave.Total, wave.Waiting, wave.Running,
                wave.Succeeded, new Cell($"{wave.Failed}", wave.Failed > 0 ? Tone.Bad : Tone.Plain), Figures.Moment(wave.OpenedAt), Figures.Moment(wave.FinishedAt));
        }
        screen.Write(waves);
        foreach (var left in rollout.Excluded)
            screen.WriteSentence($"Left out: {Figures.Count(left.Devices)} device(s), {string.Join(", ", left.Examples)}{(left.Examples.Count < left.Devices ? ", …" : "")}: {left.Reason}");
        if (rollout.Devices.Count == 0) return;

        screen.WriteLine();
        var scores = new ScoreColumn(rollout.Devices.Select(device => device.Measured));
        var devices = new Sheet("device", ">wave", "status", "phase", "variant", $">{scores.Title}", ">p50 / p95", "detail");
        foreach (var device in rollout.Devices.OrderBy(device => device.Wave).ThenBy(device => device.Device.Value))
        {
            devices.Add(device.Device.Value, device.Wave, Words.Status(device.Status), Words.Phase(device.Phase), device.Variant ?? Figures.None,
                scores.Of(device.Measured) ?? Figures.None, Figures.Latency(device.Measured?.Latency),
                device.Failure == DeploymentFailure.None ? "" : $"{Words.Of(device.Failure)}: {device.Detail}");
        }
        screen.Write(devices);
    }
}
