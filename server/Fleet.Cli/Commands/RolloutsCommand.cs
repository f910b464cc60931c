using System.CommandLine;
using System.Globalization;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet rollouts</c>: a release on its way to devices, wave by wave.</summary>
internal static class RolloutsCommand
{
    private static readonly Argument<string> Id = new("ROLLOUT") { Description = "Id of the rollout, as 'fleet rollouts list' shows it." };

    public static Command Create(Shell shell) => Verb.Noun(
        "rollouts", "Rollouts: a release on its way to devices, wave by wave.",
        Start(shell), List(shell), Show(shell),
        Steer(shell, "pause", "Pauses a rollout: no further device is told until it is resumed; those that were told go on."),
        Steer(shell, "resume", "Resumes a paused rollout."),
        Steer(shell, "abort", "Aborts a rollout for good: devices keep what they have.", "Abort {0}? It cannot be resumed; devices keep "
            + "what they have."),
        Steer(
            shell, "rollback", "Rolls a rollout back: its devices return to the release they had before.",
            "Roll back {0}? Every device that was told returns to the release it had before."));

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
        var wait = new Option<bool>("--wait") { Description = "Wait until it has ended or is paused; exit code 0 only if it succeeded." };
        return Verb.On(shell, "start", """
            Starts a rollout. Plan and devices are frozen now; later changes of labels do not alter it.

            Examples:
              fleet rollouts start --model vibration --version 1 --waves 5%,25%,100%
              fleet rollouts start --model vibration --version 2 --waves 1,10,100% \
                --filter label.site=berlin --max-failure-rate 5% --min-finished 5 \
                --phase-deadline 10m --soak 1h --wait
            """, [model, version, waves, filter, failureRate, minimumFinished, deadline, soak, wait], async (call, cancellationToken) =>
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

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Lists rollouts, the newest first.

        Example:
          fleet rollouts list
        """, [], async (call, cancellationToken) =>
    {
        IReadOnlyList<RolloutView> rollouts = [.. (await call.Client.ListRolloutsAsync(cancellationToken))
            .OrderByDescending(rollout => rollout.CreatedAt)];
        call.Show(rollouts, FleetJson.Default.IReadOnlyListRolloutView, screen =>
        {
            RolloutTables.WriteList(screen, rollouts, call.Now);
        });
    });

    private static Command Show(Shell shell)
    {
        var watch = new Option<bool>("--watch") { Description = "Follow it until it has ended." };
        return Verb.On(shell, "show", """
            Shows one rollout: its waves and every device's part in it.

            Examples:
              fleet rollouts show ROLLOUT
              fleet rollouts show ROLLOUT --watch
            """, [Id, watch], async (call, cancellationToken) =>
        {
            var rollout = call.Get(watch)
                ? await WatchAsync(call, call.Get(Id), endAtPause: false, cancellationToken)
                : await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
            call.Show(rollout, FleetJson.Default.RolloutView, screen => RolloutTables.Write(screen, rollout));
        });
    }

    /// <param name="shell">Where it writes.</param>
    /// <param name="verb">The order.</param>
    /// <param name="help">What it does.</param>
    /// <param name="question">Asked before an order that cannot be taken back, with the rollout in place of {0}; null for others.</param>
    private static Command Steer(Shell shell, string verb, string help, string? question = null) => Verb.On(shell, verb, $"""
        {help}

        Example:
          fleet rollouts {verb} ROLLOUT
        """, question is null ? [Id] : [Id, Verb.Yes], async (call, cancellationToken) =>
    {
        if (question is not null)
        {
            var asked = await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
            await call.ConfirmAsync(
                string.Format(CultureInfo.InvariantCulture, question, $"rollout {asked.Id} of {asked.Plan.Model} {asked.Plan.Version}"),
                cancellationToken);
        }
        await call.Client.SteerRolloutAsync(call.Get(Id), verb, cancellationToken);
        var rollout = await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
        call.Show(rollout, FleetJson.Default.RolloutView, screen => screen.WriteLine($"Rollout {rollout.Id} of {rollout.Plan.Model} "
            + $"{rollout.Plan.Version} is {rollout.Status.ToWords()}."));
    });

    private static Task<RolloutView> WatchAsync(
        Call call, string id, bool endAtPause, CancellationToken cancellationToken) => StepBoard.RunAsync(
        call.Shell, board => board.StepAsync(
            $"Rollout {id}", step => Follow.RolloutAsync(call.Client, call.Shell.Time, id, endAtPause, step, cancellationToken)));

    private static void RequireSuccess(RolloutView rollout)
    {
        if (rollout.Status != RolloutStatus.Succeeded)
            throw new FleetException($"Rollout {rollout.Id} of {rollout.Plan.Model} {rollout.Plan.Version} is "
                + $"{rollout.Status.ToWords()}: {(rollout.Reason.Length > 0 ? rollout.Reason : "no reason was given")}");
    }
}

/// <summary>Waves and shares as a command line spells them.</summary>
internal static class Waves
{
    /// <summary>Reads <c>5%,25%,100%</c>, or numbers of devices: <c>1,10,100%</c>.</summary>
    public static IReadOnlyList<WavePlan> Parse(string text, Action<string> refuse)
    {
        var waves = new List<WavePlan>();
        foreach (var wave in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (wave.EndsWith('%') && Number(wave[..^1]) is { } percent) waves.Add(new WavePlan { Percent = percent });
            else if (int.TryParse(wave, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                waves.Add(new WavePlan { Count = count });
            else refuse(
                $"Wave '{wave}' is not understood: write a share such as 25% or a number of devices, joined by commas: 5%,25%,100%.");
        }
        return waves;
    }

    /// <summary>Reads a share: <c>10%</c> or <c>0.1</c>.</summary>
    public static double? ParseShare(string text, Action<string> refuse)
    {
        var share = text.EndsWith('%') ? Number(text[..^1]) / 100 : Number(text);
        if (share is not (>= 0 and <= 1)) refuse($"Share '{text}' is not understood: write 0% to 100%, or 0 to 1.");
        return share;
    }

    private static double? Number(string text)
        => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;
}
