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
internal static partial class RolloutsCommand
{
    private static readonly Argument<string> Id = new("ROLLOUT") { Description = "Id of the rollout, as 'fleet rollouts list' shows it." };

    public static Command Create(Shell shell) => Verb.Noun(
        "rollouts", "Rollouts: a release on its way to devices, wave by wave.",
        Start(shell), List(shell), Show(shell),
        Steer(shell, "pause", "Pauses a rollout: no further device is told until it is resumed; those that were told go on."),
        Steer(
            shell, "approve", "Approves a rollout that waits for a second person: it begins. Needs the role approver, and somebody else "
                + "than "
                + "who started it."),
        Steer(shell, "resume", "Resumes a paused rollout."),
        Steer(shell, "retry", "Asks every device that failed once more; a rollout that had succeeded is open again until they have "
            + "finished."),
        Steer(shell, "abort", "Aborts a rollout for good. Devices that serve its release keep it; all others are told to keep what they "
            + "serve, those that are away as well.", "Abort {0}? It cannot be resumed. Devices that serve its release keep it; all others "
            + "are told to keep what they serve."),
        RollBack(shell));

    private static Command List(Shell shell)
    {
        var limit = Verb.Limit("Most rollouts: the newest.", 100);
        return Verb.On(shell, "list", """
            Lists rollouts, the newest first.

            Examples:
              fleet rollouts list
              fleet rollouts list --limit 1000
            """, [limit], async (call, cancellationToken) =>
        {
            var (rollouts, isCut) = await call.Client.ListRolloutsAsync(call.Get(limit), cancellationToken);
            if (isCut) call.Shell.WriteHint($"The newest {rollouts.Count} rollouts; --limit N shows more.");
            call.Show(rollouts, FleetJson.Default.IReadOnlyListRolloutView,
                screen => RolloutTables.WriteList(screen, rollouts, call.Now));
        });
    }

    private static Command Show(Shell shell)
    {
        var watch = new Option<bool>("--watch") { Description = "Follow it until it has ended." };
        var status = new Option<DeviceRolloutStatus?>("--status")
        {
            HelpName = "STATUS",
            Description = "Only devices that are waiting, running, succeeded, failed or left.",
            CustomParser = result =>
            {
                var word = result.Tokens[0].Value;
                if (EnumWord.TryParse<DeviceRolloutStatus>(word, out var known)) return known;
                result.AddError($"--status '{word}' must be waiting, running, succeeded, failed or left.");
                return null;
            },
        };
        var limit = Verb.Limit("Most devices.", 100);
        return Verb.On(shell, "show", """
            Shows one rollout: its waves and the parts of its devices in it, by wave and id.

            Examples:
              fleet rollouts show ROLLOUT
              fleet rollouts show ROLLOUT --status failed --limit 1000
              fleet rollouts show ROLLOUT --watch
            """, [Id, watch, status, limit], async (call, cancellationToken) =>
        {
            var rollout = call.Get(watch)
                ? await WatchAsync(call, call.Get(Id), endAtPause: false, cancellationToken)
                : await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
            var most = call.Get(limit);
            if (call.Get(status) is { } wanted)
            {
                var (devices, isCut) = await call.Client.ListRolloutDevicesAsync(rollout.Id, wanted, most, cancellationToken);
                rollout = rollout with { Devices = devices, MoreDevices = isCut ? CountOf(rollout, wanted) - devices.Count : 0 };
            }
            else if (most < rollout.Devices.Count || (most > rollout.Devices.Count && rollout.MoreDevices > 0))
            {
                var all = rollout.Devices.Count + rollout.MoreDevices;
                var (devices, _) = await call.Client.ListRolloutDevicesAsync(rollout.Id, null, most, cancellationToken);
                rollout = rollout with { Devices = devices, MoreDevices = all - devices.Count };
            }
            if (rollout.MoreDevices > 0)
                call.Shell.WriteHint($"{Figures.Counted(rollout.MoreDevices, "device")} more: --limit N shows them, --status narrows.");
            call.Show(rollout, FleetJson.Default.RolloutView, screen => RolloutTables.Write(screen, rollout));
        });
    }

    private static int CountOf(RolloutView rollout, DeviceRolloutStatus status) => rollout.Waves.Sum(wave => status switch
    {
        DeviceRolloutStatus.Waiting => wave.Waiting,
        DeviceRolloutStatus.Running => wave.Running,
        DeviceRolloutStatus.Succeeded => wave.Succeeded,
        DeviceRolloutStatus.Failed => wave.Failed,
        _ => wave.Left,
    });

    /// <param name="shell">Where it writes.</param>
    /// <param name="verb">The order.</param>
    /// <param name="help">What it does.</param>
    /// <param name="question">Asked before an order that cannot be taken back, with the rollout in place of {0}; null for others.</param>
    private static Command Steer(Shell shell, string verb, string help, string? question = null) => Verb.On(shell, verb, $"""
        {help}

        Example:
          fleet rollouts {verb} ROLLOUT
        """, question is null ? [Id] : [Id, Verb.Yes()], async (call, cancellationToken) =>
    {
        if (question is not null)
        {
            var asked = await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
            await call.ConfirmAsync(
                string.Format(CultureInfo.InvariantCulture, question, $"rollout {asked.Id} of {asked.Plan.ReleasesInWords()}"),
                cancellationToken);
        }
        await call.Client.SteerRolloutAsync(call.Get(Id), verb, cancellationToken);
        var rollout = await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
        call.Show(rollout, FleetJson.Default.RolloutView, screen => screen.WriteLine($"Rollout {rollout.Id} of "
            + $"{rollout.Plan.ReleasesInWords()} is {rollout.Status.ToWords()}."));
    });

    private static Command RollBack(Shell shell)
    {
        var to = new Option<RollbackGoal[]>("--to")
        {
            HelpName = "N",
            Description = "Release that all its devices go to, older or newer; of several models NAME=N, once for each [default: what each "
                + "served before].",
            CustomParser = result => [.. result.Tokens.Select(token => Waves.ParseGoal(token.Value, result.AddError))],
            AllowMultipleArgumentsPerToken = false,
            Arity = ArgumentArity.OneOrMore,
        };
        var wait = new Option<bool>("--wait") { Description = "Wait until no device is on its way back any more." };
        return Verb.On(shell, "rollback", """
            Rolls a rollout back: every device that was told returns to the release it last served, or to the one named, and the target goes
            back with them. Where it moved several models, all go together. The exit code is 0 only if nothing is known that could not
            return; with --wait, only if every device has.

            Examples:
              fleet rollouts rollback ROLLOUT
              fleet rollouts rollback ROLLOUT --to 1 --wait
              fleet rollouts rollback ROLLOUT --to detector=3 --to classifier=6
            """, [Id, to, wait, Verb.Yes()], async (call, cancellationToken) =>
        {
            var asked = await call.Client.GetRolloutAsync(call.Get(Id), cancellationToken);
            var plan = asked.Plan;
            List<PlannedRelease> goal = [.. (call.Get(to) ?? []).Select(each => each.Of(plan) ?? throw new FleetException(
                $"Rollout {asked.Id} moves {plan.ReleasesInWords()}: say of which model release {each.Version} is, and one of each: "
                    + $"{string.Join(' ', plan.Moved().Select(moved => $"--to {moved.Model}=N"))}")
            { Code = ExitCode.Usage })];
            var where = goal.Count == 0 ? "returns to the release it last served" : $"goes to {string.Join(" and ", goal)}";
            await call.ConfirmAsync($"Roll back rollout {asked.Id} of {asked.Plan.ReleasesInWords()}? Every device that was told "
                + $"{where}.", cancellationToken);
            await call.Client.RollBackAsync(asked.Id, goal, cancellationToken);
            var rollout = call.Get(wait)
                ? await StepBoard.RunAsync(call.Shell, board => board.StepAsync(
                    $"Rollout {asked.Id}", step => Follow.ReturnAsync(call.Client, call.Shell.Time, asked.Id, step, cancellationToken),
                    goesOn: true))
                : await call.Client.GetRolloutAsync(asked.Id, cancellationToken);
            call.Show(rollout, FleetJson.Default.RolloutView, screen =>
            {
                if (call.Get(wait)) RolloutTables.Write(screen, rollout);
                else screen.WriteLine($"Rollout {rollout.Id} of {rollout.Plan.ReleasesInWords()} is {rollout.Status.ToWords()}: "
                    + $"{RolloutTables.ReturnsOf(rollout.Returns)}.");
            });
            if (rollout.Returns is { NotReturned: > 0 } returns)
                throw new FleetException($"{Figures.Counted(returns.NotReturned, "device")} could not return: 'fleet rollouts show "
                    + $"{rollout.Id}' says why.");
        });
    }

    internal static Task<RolloutView> WatchAsync(
        Call call, string id, bool endAtPause, CancellationToken cancellationToken) => StepBoard.RunAsync(
        call.Shell, board => board.StepAsync(
            $"Rollout {id}", step => Follow.RolloutAsync(call.Client, call.Shell.Time, id, endAtPause, step, cancellationToken),
            goesOn: true));

    internal static void RequireSuccess(RolloutView rollout)
    {
        if (rollout.Status != RolloutStatus.Succeeded)
            throw new FleetException($"Rollout {rollout.Id} of {rollout.Plan.ReleasesInWords()} is "
                + $"{rollout.Status.ToWords()}: {(rollout.Reason.Length > 0 ? rollout.Reason : "no reason was given")}");
    }
}
