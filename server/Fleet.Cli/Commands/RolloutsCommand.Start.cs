using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Commands;

/// <summary>The verb that starts a rollout.</summary>
internal static partial class RolloutsCommand
{
    private static Command Start(Shell shell)
    {
        var options = new PlanOptions();
        var wait = new Option<bool>("--wait") { Description = "Wait until it has ended or is paused; exit code 0 only if it succeeded." };
        var dryRun = new Option<bool>("--dry-run")
        {
            Description = "Show who would get what, when, who not and why, and how much they would fetch; nothing is changed.",
        };
        return Verb.On(shell, "start", """
            Starts a rollout: it moves the standing target of its model and filter to a release, in waves, and makes that target where there
            is none. The plan is frozen now; devices that appear later join the last wave. With --and it moves several models: a device
            switches to all of their releases together, or to none.

            Examples:
              fleet rollouts start --model vibration --version 1 --waves 5%,25%,100%
              fleet rollouts start --model vibration --version 2 --waves 1,10,100% \
                --filter label.site=berlin --max-failure-rate 5% --min-finished 5 \
                --phase-deadline 10m,downloading=2h --wave-deadline 12h --soak 1h --wait
              fleet rollouts start --model detector --version 4 --and classifier=7 \
                --waves 5%,25%,100%
              fleet rollouts start --model vibration --version 3 --waves 5%,25%,100% \
                --soak 30m --canary errors,latency=20% --canary-min-devices 5
              fleet rollouts start --model vibration --version 2 --dry-run \
                --waves label.ring=canary,25%,100% --min-success 95% \
                --window 02:00-05:00 --max-unavailable label.site=1
            """, [.. options.All, dryRun, wait], async (call, cancellationToken) =>
        {
            var plan = options.Read(call);
            if (plan.Problems() is { Count: > 0 } problems)
                throw new FleetException(["The rollout plan breaks rules:", .. problems]) { Code = ExitCode.Usage };
            await SayWhoMeasuredAsync(call, plan, cancellationToken);
            if (call.Get(dryRun))
            {
                var preview = await call.Client.PreviewRolloutAsync(plan, cancellationToken);
                call.Show(preview, FleetJson.Default.RolloutPreview, screen => RolloutTables.WritePreview(screen, plan, preview));
                return;
            }
            var rollout = await call.Client.StartRolloutAsync(plan, cancellationToken);
            if (call.Get(wait)) rollout = await WatchAsync(call, rollout.Id, endAtPause: true, cancellationToken);
            call.Show(rollout, FleetJson.Default.RolloutView, screen =>
            {
                if (call.Get(wait)) RolloutTables.Write(screen, rollout);
                else screen.WriteLine($"Rollout {rollout.Id} of {plan.ReleasesInWords()} is {rollout.Status.ToWords()}: 'fleet "
                    + $"rollouts show {rollout.Id} --watch' follows it.");
            });
            if (call.Get(wait)) RequireSuccess(rollout);
        });
    }

    /// <summary>Says before a release is rolled out whose word its figures are. A script reads that with the release.</summary>
    private static async Task SayWhoMeasuredAsync(Call call, RolloutPlan plan, CancellationToken cancellationToken)
    {
        if (call.Json) return;
        foreach (var moved in plan.Moved())
        {
            var release = await call.Client.GetReleaseAsync(moved.Model, moved.Version, cancellationToken);
            call.Shell.WriteSentence(ReleaseMeasurements.Of(release.Manifest).Summary($"{moved}"));
        }
    }
}
