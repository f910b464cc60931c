using System.CommandLine;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet devices</c>: what is enrolled, what it is and what it serves.</summary>
internal static partial class DevicesCommand
{
    /// <summary>Devices asked for at once.</summary>

    private static readonly Argument<string> Id = new("ID") { Description = "Id of the device." };

    public static Command Create(Shell shell)
        => Verb.Noun(
            "devices", "Devices: what is enrolled, what it is, and what it serves.", List(shell), Show(shell), Label(shell), Adopt(shell),
            Pending(shell), Approve(shell), Reject(shell), Reenroll(shell), Revoke(shell), Unrevoke(shell), Acknowledge(shell),
            Decommission(shell), ImportReport(shell));

    private static Command List(Shell shell)
    {
        var filter = FilterOption("Which devices");
        var limit = Verb.Limit("Most devices to list.", 1000);
        return Verb.On(shell, "list", """
            Lists devices.

            Examples:
              fleet devices list
              fleet devices list --filter profile=jetson,label.site=berlin
              fleet devices list --json | jq -r '.[] | select(.online | not) | .id'
            """, [filter, limit], async (call, cancellationToken) =>
        {
            var (devices, isCut) = await call.Client.ListDevicesAsync(call.Get(filter) ?? "", call.Get(limit), cancellationToken);
            if (isCut) call.Shell.WriteHint($"The first {devices.Count} devices; --limit N shows more, --filter narrows.");
            call.Show(devices, FleetJson.Default.IReadOnlyListDeviceView, screen =>
            {
                DeviceTables.WriteList(screen, devices, call.Now);
                if (devices.Count == 0)
                    screen.WriteHint(
                        call.Get(filter) is { Length: > 0 } text
                            ? $"No device matches {text}."
                            : "No device is enrolled. 'fleet tokens create' lets one join.");
            });
        });
    }

    private static Command Show(Shell shell) => Verb.On(shell, "show", """
        Shows one device: what it is, what it should serve and what it does serve.

        Example:
          fleet devices show press-7
        """, [Id], async (call, cancellationToken) =>
    {
        var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen => DeviceTables.Write(screen, device, call.Now));
    });

    private static Command Label(Shell shell)
    {
        var terms = new Argument<string[]>("LABEL") { Description = "key=value to set, key- to remove.", Arity = ArgumentArity.OneOrMore };
        return Verb.On(shell, "label", """
            Sets or removes labels, which filters and rollouts select by.

            Examples:
              fleet devices label press-7 site=berlin line=3
              fleet devices label press-7 line-
            """, [Id, terms], async (call, cancellationToken) =>
        {
            await call.Client.SetLabelsAsync(call.Get(Id), new SetLabelsRequest(Labels.ParseChanges(call.Get(terms))), cancellationToken);
            var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
            call.Show(device, FleetJson.Default.DeviceView, screen => screen.WriteLine(
                $"{device.Id}: {(device.Labels.Count == 0 ? "no labels" : Labels.Text(device.Labels, " "))}"));
        });
    }

    /// <summary>An option that selects devices.</summary>
    public static Option<string?> FilterOption(string which)
    {
        var option = new Option<string?>("--filter")
        {
            HelpName = "TERMS",
            Description = $"{which}, as key=value terms joined by commas: id, profile, architecture, label.NAME [default: all].",
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !DeviceFilter.TryParse(token.Value, out _, out var problem)) result.AddError(problem);
        });
        return option;
    }
}
