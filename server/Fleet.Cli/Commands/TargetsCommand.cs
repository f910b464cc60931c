using System.CommandLine;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet targets</c>: which devices serve which release, for good.</summary>
internal static partial class TargetsCommand
{
    private static readonly Argument<string> Name = new("TARGET") { Description = "Name of the target." };

    public static Command Create(Shell shell) => Verb.Noun(
        "targets", "Standing targets: which devices serve which release of a model, newcomers included.",
        List(shell), Show(shell), Set(shell), Remove(shell), Pin(shell), Unpin(shell), Pins(shell));

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Lists standing targets. A rollout makes one for its model and filter, and moves it when it has succeeded.

        Example:
          fleet targets list
        """, [], async (call, cancellationToken) =>
    {
        var targets = await call.Client.ListTargetsAsync(cancellationToken);
        call.Show(targets, FleetJson.Default.IReadOnlyListTargetView, screen => TargetTables.WriteList(screen, targets));
    });

    private static Command Show(Shell shell) => Verb.On(shell, "show", """
        Shows one target: what its devices should serve, how far they are, and which devices it does not reach and why.

        Example:
          fleet targets show vibration
        """, [Name], async (call, cancellationToken) =>
    {
        var target = await call.Client.GetTargetAsync(call.Get(Name), cancellationToken);
        call.Show(target, FleetJson.Default.TargetView, screen => TargetTables.Write(screen, target));
    });

    private static Command Set(Shell shell)
    {
        var model = new Option<string>("--model") { HelpName = "NAME", Description = "Model.", Required = true };
        var version = new Option<int>("--version") { HelpName = "N", Description = "Release number.", Required = true };
        var filter = DevicesCommand.FilterOption("Which devices");
        var priority = new Option<int?>("--priority")
        {
            HelpName = "N",
            Description = "Where several targets select a device, the highest decides; of equals, the one set last [default: 0].",
        };
        var older = new Option<bool>("--allow-older") { Description = "Go back to an older release than the target has." };
        return Verb.On(shell, "set", """
            Makes a target, or sets what its devices serve: all of them at once, without waves. 'fleet rollouts start' does it in waves.

            Examples:
              fleet targets set vibration --model vibration --version 3
              fleet targets set berlin --model vibration --version 2 \
                --filter label.site=berlin --priority 10
              fleet targets set vibration --model vibration --version 1 --allow-older
            """, [Name, model, version, filter, priority, older, Verb.Yes()], async (call, cancellationToken) =>
        {
            var request = new SetTargetRequest
            {
                Model = call.Get(model)!,
                Version = call.Get(version),
                Filter = call.Get(filter) ?? "",
                Priority = call.Get(priority),
                AllowOlder = call.Get(older),
            };
            await call.ConfirmAsync($"Set {call.Get(Name)} to {request.Model} {request.Version}? "
                + $"{(request.Filter.Length > 0 ? $"Devices of {request.Filter}" : "All devices")} are told at once, without waves.",
                cancellationToken);
            await call.Client.SetTargetAsync(call.Get(Name), request, cancellationToken);
            var target = await call.Client.GetTargetAsync(call.Get(Name), cancellationToken);
            call.Show(target, FleetJson.Default.TargetView, screen => TargetTables.Write(screen, target));
        });
    }

    private static Command Remove(Shell shell) => Verb.On(shell, "remove", """
        Removes a target. Its devices keep what they serve, unless another target selects them; newcomers get nothing any more.

        Example:
          fleet targets remove berlin
        """, [Name, Verb.Yes()], async (call, cancellationToken) =>
    {
        var target = await call.Client.GetTargetAsync(call.Get(Name), cancellationToken);
        await call.ConfirmAsync($"Remove target {target.Name}, which decides for {Figures.Counted(target.Devices, "device")}?",
            cancellationToken);
        await call.Client.RemoveTargetAsync(target.Name, cancellationToken);
        call.Show(target, FleetJson.Default.TargetView, screen => screen.WriteLine($"Target {target.Name} is removed."));
    });
}
