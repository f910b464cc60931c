using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Display;

/// <summary>Standing targets and pins as tables.</summary>
internal static class TargetTables
{
    public static void WriteList(Shell screen, IReadOnlyList<TargetView> targets)
    {
        var sheet = new Sheet("target", "release", "devices of", ">priority?", ">devices", ">serving", ">failed");
        foreach (var target in targets)
        {
            sheet.Add(
                target.Name, ReleaseOf(target), target.Filter.Length > 0 ? target.Filter : "all", target.Priority,
                Figures.Count(target.Devices), Figures.Count(target.Serving),
                new Cell(Figures.Count(target.Failed), target.Failed > 0 ? Tone.Bad : Tone.Plain));
        }
        screen.Write(sheet);
        foreach (var target in targets.Where(target => target.Moving is not null))
            screen.WriteSentence($"{target.Name} is being moved by rollout {target.Moving}.");
        if (sheet.Count == 0) screen.WriteHint("There are no targets. 'fleet rollouts start --help' shows how a release gets to devices.");
    }

    public static void Write(Shell screen, TargetView target)
    {
        screen.WriteHeading($"Target {target.Name}: {(target.Filter.Length > 0 ? $"devices of {target.Filter}" : "all devices")} serve "
            + ReleaseOf(target));
        var by = target.Rollout is { } rollout ? $"rollout {rollout}" : "an operator";
        if (target.Version is not null)
            screen.WriteSentence($"Ordered by {by}, {Figures.Moment(target.DecidedAt)}; priority {target.Priority}.");
        if (target.Moving is { } moving) screen.WriteSentence($"Rollout {moving} is moving it.");
        screen.WriteSentence($"{Figures.Counted(target.Devices, "device")}: {Figures.Count(target.Serving)} serving, "
            + $"{Figures.Count(target.Devices - target.Serving - target.Failed)} on the way, {Figures.Count(target.Failed)} failed.");
        if (target.Pinned > 0) screen.WriteSentence($"{Figures.Counted(target.Pinned, "device")} of its filter held apart by pins.");
        foreach (var excluded in target.Excluded) screen.WriteSentence(ExclusionOf("Not reached", excluded));
    }

    public static void WritePins(Shell screen, IReadOnlyList<PinView> pins)
    {
        var sheet = new Sheet("device", "release", "since");
        foreach (var pin in pins) sheet.Add(pin.Device.Value, $"{pin.Model} {pin.Version}", Figures.Moment(pin.CreatedAt));
        screen.Write(sheet);
        if (sheet.Count == 0) screen.WriteHint("No device is pinned. 'fleet targets pin --help' shows how.");
    }

    /// <summary>Devices that are left out, in a sentence.</summary>
    public static string ExclusionOf(string how, RolloutExclusion excluded) => $"{how}: {Figures.Counted(excluded.Devices, "device")}, "
        + $"{string.Join(", ", excluded.Examples)}{(excluded.Examples.Count < excluded.Devices ? ", …" : "")}: {excluded.Reason}";

    private static string ReleaseOf(TargetView target) => $"{target.Model} {(target.Version is { } version ? version : "(none yet)")}";
}
