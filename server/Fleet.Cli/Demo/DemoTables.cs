using System.Runtime.Versioning;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Demo;

/// <summary>What a person sees at the end of a demo.</summary>
[SupportedOSPlatform("linux")]
internal static class DemoTables
{
    public static void Write(Shell screen, DemoOutcome outcome)
    {
        screen.WriteLine();
        BuildTables.Write(screen, outcome.Report);
        screen.WriteLine();
        screen.WriteHeading("Devices: accuracy and latency as each measured them before it served");
        screen.WriteLine();
        var sheet = new Sheet("device", "profile", "variant", "phase", ">accuracy", ">p50 ms", ">p95 ms", ">served", ">batches?");
        foreach (var device in outcome.Devices)
        {
            var model = device.Models.FirstOrDefault(model => model.Model == outcome.Build.Model);
            var telemetry = outcome.Telemetry.FirstOrDefault(view => view.Device == device.Id);
            sheet.Add(
                device.Id.Value, (device.Profile ?? Figures.None) + (device.ProfileEmulated ? " *" : ""), model?.ActiveVariant
                    ?? Figures.None,
                model is null ? Figures.None : Words.Phase(model.Phase), Figures.Percent(model?.Measured?.Accuracy),
                Figures.BareMilliseconds(model?.Measured?.Latency?.P50), Figures.BareMilliseconds(model?.Measured?.Latency?.P95),
                telemetry?.Count ?? 0, telemetry?.Batches ?? 0);
        }
        screen.Write(sheet);
        foreach (var sentence in OtherChoices(outcome.Report, outcome.Devices))
        {
            screen.WriteLine();
            screen.WriteSentence(sentence);
        }
        if (outcome.Devices.Any(device => device.ProfileEmulated))
        {
            screen.WriteLine();
            screen.WriteSentence("* Emulated: this machine is not of that profile, so the latency is not that of the real hardware.");
        }
        screen.WriteLine();
        screen.WriteLine($"Done in {DurationText.Of(outcome.Took)}.");
    }

    /// <summary>
    /// Devices that serve another variant than the one the build marked: each measures all it is given, and has the last word.
    /// </summary>
    internal static IEnumerable<string> OtherChoices(BuildReport report, IReadOnlyList<DeviceView> devices)
    {
        foreach (var device in devices)
        {
            var serves = device.Models.FirstOrDefault(model => model.Model == report.Spec.Model)?.ActiveVariant;
            var marked = report.Variants.FirstOrDefault(variant => variant.Chosen && variant.Profile == device.Profile)?.Id;
            if (serves is null || marked is null || serves == marked) continue;
            yield return $"{device.Id} serves {serves}, not {marked} as the build marked: "
                + "a device measures every variant it is given and serves the best that passes there.";
        }
    }

    /// <summary>How to look around while it runs.</summary>
    public static void WriteAddresses(Shell screen, DemoOutcome outcome, DemoFolder folder)
    {
        var program = Path.GetRelativePath(Environment.CurrentDirectory, Installation.Cli);
        if (program.Length > Installation.Cli.Length || program.StartsWith("..", StringComparison.Ordinal)) program = Installation.Cli;
        if (!program.Contains('/', StringComparison.Ordinal)) program = "./" + program;
        var connection = $"--server {outcome.Client.Address} --key-file {folder.OperatorKey}";
        screen.WriteLine();
        screen.WriteHeading("The fleet goes on until Ctrl+C");
        screen.WriteLine($"Dashboard  {outcome.Client.Address}  any user name; the password is in {folder.OperatorKey}");
        screen.WriteLine($"Report     file://{folder.ReportPage}");
        screen.WriteLine($"Logs       {folder.Logs}");
        screen.WriteLine();
        screen.WriteHeading("To look around from another terminal:");
        var model = outcome.Build.Model;
        string[] commands =
        [
            "devices list", $"telemetry --model {model}", $"rollouts show {outcome.Rollout.Id}",
            $"releases show {outcome.Rollout.Plan.Moved()[0]}",
        ];
        foreach (var command in commands)
            screen.WriteLine($"  {program} {command} {connection}");
        screen.WriteLine();
    }
}
