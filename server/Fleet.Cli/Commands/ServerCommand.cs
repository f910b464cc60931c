using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet server</c>: where the server is, and where it goes.</summary>
internal static class ServerCommand
{
    public static Command Create(Shell shell)
        => Verb.Noun("server", "The server: where devices reach it, and moving it.", Show(shell), Move(shell));

    private static Command Show(Shell shell) => Verb.On(shell, "show", """
        Shows where devices reach the server, where it goes, and how many devices know that.

        Example:
          fleet server show
        """, [], async (call, cancellationToken) =>
    {
        var view = await call.Client.GetServerAsync(cancellationToken);
        call.Show(view, FleetJson.Default.ServerView, screen => Write(screen, view));
    });

    private static Command Move(Shell shell)
    {
        var devices = new Option<string?>("--devices") { HelpName = "URL", Description = "New address for devices: https://HOST:PORT." };
        var mqtt = new Option<string?>("--mqtt") { HelpName = "HOST:PORT", Description = "New address of the broker." };
        var cancel = new Option<bool>("--cancel") { Description = "Take the announcement back." };
        return Verb.On(shell, "move", """
            Announces the address that the server will have, in a signed order to every device. Devices keep it and turn to it when the old
            one is silent. Wait until 'fleet server show' says that all of them know, stop the server, and start it with its data folder at
            the new address. A device that missed it follows with 'fleet-agent move'.

            Examples:
              fleet server move --devices https://new.example:8443 --mqtt new.example:8883
              fleet server move --cancel
            """, [devices, mqtt, cancel], async (call, cancellationToken) =>
        {
            var view = (call.Get(devices), call.Get(mqtt), call.Get(cancel)) switch
            {
                (null, null, true) => await call.Client.StayAsync(cancellationToken),
                ({ } server, { } broker, false) => await call.Client.MoveServerAsync(AddressOf(server, broker), cancellationToken),
                _ => throw new FleetException("Give both --devices and --mqtt, or --cancel alone.") { Code = ExitCode.Usage },
            };
            call.Show(view, FleetJson.Default.ServerView, screen => Write(screen, view));
        });
    }

    private static ServerAddresses AddressOf(string server, string broker)
        => Uri.TryCreate(server, UriKind.Absolute, out var address)
            ? new ServerAddresses(address, broker)
            : throw new FleetException($"--devices '{server}' must be of the form https://HOST:PORT.") { Code = ExitCode.Usage };

    private static void Write(Shell screen, ServerView view)
    {
        var sheet = new Sheet("", "");
        sheet.Add("Devices", view.Here.Server.ToString());
        sheet.Add("Broker", view.Here.Mqtt);
        if (view.Next is { } next)
        {
            sheet.Add("Moves to", $"{next.Server}, {next.Mqtt}");
            sheet.Add("Announced", Figures.Moment(view.AnnouncedAt!.Value));
            sheet.Add("Know it", Figures.Counted(view.Told, "device"));
            sheet.Add("Do not", Figures.Counted(view.Waiting, "device"));
        }
        screen.Write(sheet);
        if (view.WaitingDevices is { Count: > 0 } waiting)
            screen.WriteHint($"Have not heard it: {string.Join(", ", waiting)}{(waiting.Count < view.Waiting ? ", ..." : "")}");
    }
}
