using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Commands;

/// <summary>The verb that starts a rollout.</summary>
internal static partial class RolloutsCommand
{
    private static Command Start(Shell shell)
    {
        var model = new Option<string>("--model") { HelpName = "NAME", Description = "Model to roll out.", Required = true };
        var version = new Option<int>("--version") { HelpName = "N", Description = "Release number.", Required = true };
        var waves = new Option<IReadOnlyList<WavePlan>>("--waves")
        {
            HelpName = "LIST",
            Description = "Waves, each the share (5%) or number (5) of devices that have been told when it is open.",
            Required = true,
            CustomParser = result => Waves.Parse(result.Tokens[0].Value, result.AddError),
        };
        var filter = DevicesCommand.FilterOption("Which devices");
        var failureRate = new Option<double?>("--max-failure-rate")
        {
            HelpName = "SHARE",
            Description =
                "The rollout stops when more than this share of a wave's finished devices failed, such as 10% or 0.1 [default: 10%].",
            CustomParser = result => Waves.ParseShare(result.Tokens[0].Value, result.AddError),
        };
        var minimumFinished = new Option<int?>("--min-finished")
        {
            HelpName = "N",
            Description = "Finished devices of a wave before its "
            + "failure rate is judged [default: 1]."
        };
        var deadline = Verb.Duration(
            "--phase-deadline", "How long a device may stay in one phase, or say nothing, before it counts as failed [default: 15m].");
        var soak = Verb.Duration("--soak", "How long a finished wave is watched before the next one opens [default: 0s].");
        var canary = new CanaryOptions();
        var wait = new Option<bool>("--wait") { Description = "Wait until it has ended or is paused; exit code 0 only if it succeeded." };
        return Verb.On(shell, "start", """
            Starts a rollout: it moves the standing target of its model and filter to a release, in waves, and makes that target where there
            is none. The plan is frozen now; devices that appear later join the last wave.

            Examples:
              fleet rollouts start --model vibration --version 1 --waves 5%,25%,100%
              fleet rollouts start --model vibration --version 2 --waves 1,10,100% \
                --filter label.site=berlin --max-failure-rate 5% --min-finished 5 \
                --phase-deadline 10m --soak 1h --wait
              fleet rollouts start --model vibration --version 3 --waves 5%,25%,100% \
                --soak 30m --canary errors,latency=20% --canary-min-devices 5
            """, [model, version, waves, filter, failureRate, minimumFinished, deadline, soak, .. canary.All, wait],
            async (call, cancellationToken) =>
        {
            var defaults = new RolloutPlan { Model = "", Version = 0, Waves = [] };
            var plan = new RolloutPlan
            {
                Model = call.Get(model)!,
                Version = call.Get(version),
                Waves = call.Get(waves)!,
                Filter = call.Get(filter) ?? "",
                MaximumFailureRate = call.Get(failureRate) ?? defaults.MaximumFailureRate,
                MinimumFinished = call.Get(minimumFinished) ?? defaults.MinimumFinished,
                PhaseDeadline = call.Get(deadline) ?? defaults.PhaseDeadline,
                SoakTime = call.Get(soak) ?? defaults.SoakTime,
                Canary = canary.Read(call),
            };
            if (plan.Problems() is { Count: > 0 } problems)
                throw new FleetException(["The rollout plan breaks rules:", .. problems]) { Code = ExitCode.Usage };

            var rollout = await call.Client.StartRolloutAsync(plan, cancellationToken);
            if (call.Get(wait)) rollout = await WatchAsync(call, rollout.Id, endAtPause: true, cancellationToken);
            call.Show(rollout, FleetJson.Default.RolloutView, screen =>
            {
                if (call.Get(wait)) RolloutTables.Write(screen, rollout);
                else screen.WriteLine($"Rollout {rollout.Id} of {plan.Model} {plan.Version} is {rollout.Status.ToWords()}: 'fleet "
                    + $"rollouts show {rollout.Id} --watch' follows it.");
            });
            if (call.Get(wait)) RequireSuccess(rollout);
        });
    }
}
