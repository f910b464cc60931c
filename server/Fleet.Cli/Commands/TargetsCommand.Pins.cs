using System.CommandLine;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary>The verbs that hold single devices apart.</summary>
internal static partial class TargetsCommand
{
    private static readonly Argument<string> Device = new("DEVICE") { Description = "Id of the device." };
    private static readonly Option<string> PinnedModel = new("--model") { HelpName = "NAME", Description = "Model.", Required = true };

    private static Command Pin(Shell shell)
    {
        var version = new Option<int>("--version") { HelpName = "N", Description = "Release number.", Required = true };
        return Verb.On(shell, "pin", """
            Holds one device on a release of a model, whatever targets and rollouts say, until it is unpinned.

            Example:
              fleet targets pin press-7 --model vibration --version 2
            """, [Device, PinnedModel, version], async (call, cancellationToken) =>
        {
            await call.Client.PinAsync(call.Get(Device), call.Get(PinnedModel)!, call.Get(version), cancellationToken);
            var pin = (await call.Client.ListPinsAsync(cancellationToken)).First(
                each => each.Device.Value == call.Get(Device) && each.Model == call.Get(PinnedModel));
            call.Show(
                pin, FleetJson.Default.PinView, screen => screen.WriteLine($"{pin.Device} is pinned to {pin.Model} {pin.Version}."));
        });
    }

    private static Command Unpin(Shell shell) => Verb.On(shell, "unpin", """
        Lets a pinned device go: it serves what its target says.

        Example:
          fleet targets unpin press-7 --model vibration
        """, [Device, PinnedModel], async (call, cancellationToken) =>
    {
        await call.Client.UnpinAsync(call.Get(Device), call.Get(PinnedModel)!, cancellationToken);
        var pins = await call.Client.ListPinsAsync(cancellationToken);
        call.Show(pins, FleetJson.Default.IReadOnlyListPinView, screen => screen.WriteLine(
            $"{call.Get(Device)} follows its target of {call.Get(PinnedModel)} again."));
    });

    private static Command Pins(Shell shell) => Verb.On(shell, "pins", """
        Lists pinned devices.

        Example:
          fleet targets pins
        """, [], async (call, cancellationToken) =>
    {
        var pins = await call.Client.ListPinsAsync(cancellationToken);
        call.Show(pins, FleetJson.Default.IReadOnlyListPinView, screen => TargetTables.WritePins(screen, pins));
    });
}
