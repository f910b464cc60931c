using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Display;

/// <summary>What the canary of a rollout says, as a table.</summary>
internal static class CanaryTable
{
    /// <summary>Writes it for the newest wave in which the canary has compared a device; nothing when there is none.</summary>
    public static void Write(Shell screen, RolloutView rollout)
    {
        if (rollout.Waves.LastOrDefault(wave => wave.Canary.Any(finding => finding.Devices > 0)) is not { } wave) return;
        screen.WriteLine();
        screen.WriteSentence(
            $"Canary of wave {wave.Number}: devices with the release beside those that wait for it; a change above zero is worse.");
        var sheet = new Sheet("metric", "verdict", ">change", "interval", ">evidence", ">devices", ">waiting?", ">requests?");
        foreach (var finding in wave.Canary)
        {
            sheet.Add(
                finding.Subject(), new Cell(finding.Verdict.ToWords(), finding.Verdict == CanaryVerdict.Worse ? Tone.Bad : Tone.Plain),
                finding.Devices == 0 ? Figures.None : finding.InWords(finding.Change), finding.IntervalInWords(),
                FormattableString.Invariant($"{finding.Evidence:0.#} of {finding.Needed:0}"), Figures.Count(finding.Devices),
                Figures.Count(finding.Incumbents), Figures.Count((long)finding.Requests));
        }
        screen.Write(sheet);
        screen.WriteLine();
    }
}
