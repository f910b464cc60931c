using System.CommandLine;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary>The verbs about a device's identity, from its approval to its end.</summary>
internal static partial class DevicesCommand
{
    private static readonly Option<string?> Serial = new("--serial")
    {
        HelpName = "HEX",
        Description = "One certificate of the device, as 'fleet devices show' prints it, instead of the device.",
    };

    private static Command Pending(Shell shell) => Verb.On(shell, "pending", """
        Lists devices that wait for approval, with the fingerprint of the key that each shows as well.

        Example:
          fleet devices pending
        """, [], async (call, cancellationToken) =>
    {
        var pending = await call.Client.ListPendingAsync(cancellationToken);
        call.Show(pending, FleetJson.Default.IReadOnlyListPendingDeviceView, screen =>
        {
            DeviceTables.WritePending(screen, pending, call.Now);
            if (pending.Count == 0) screen.WriteHint("No device waits. 'fleet tokens create --approve' makes devices wait.");
        });
    });

    private static Command Approve(Shell shell) => Verb.On(shell, "approve", """
        Lets a device in that waits. It fetches its certificate within a minute.

        Example:
          fleet devices approve press-7
        """, [Id], async (call, cancellationToken) =>
    {
        var device = await call.Client.DecideAsync(call.Get(Id), "approve", cancellationToken);
        call.Show(device, FleetJson.Default.PendingDeviceView, screen => screen.WriteLine($"Device {device.Id} is approved."));
    });

    private static Command Reject(Shell shell) => Verb.On(shell, "reject", """
        Turns a device away that waits.

        Example:
          fleet devices reject press-7
        """, [Id], async (call, cancellationToken) =>
    {
        var device = await call.Client.DecideAsync(call.Get(Id), "reject", cancellationToken);
        call.Show(device, FleetJson.Default.PendingDeviceView, screen => screen.WriteLine($"Device {device.Id} is rejected."));
    });

    private static Command Reenroll(Shell shell)
    {
        var validFor = Verb.Duration("--valid-for", "How long it may take [default: 1h].");
        return Verb.On(shell, "reenroll", """
            Lets a device come back with a new key, once: after its certificate ended, its identity was lost or stolen, or with a new board
            in its place. Labels, assignments and history stay; what proved it before is refused from then on.

            Example:
              fleet devices reenroll press-7 --valid-for 2d
            """, [Id, validFor], async (call, cancellationToken) =>
        {
            var token = await call.Client.LetBackAsync(
                call.Get(Id), new ReenrollRequest(call.Get(validFor) ?? TimeSpan.FromHours(1)), cancellationToken);
            call.Show(token, FleetJson.Default.CreateTokenResponse, screen =>
            {
                screen.WriteLine(token.Token);
                screen.WriteHint($"Device {call.Get(Id)} comes back with this token until {Figures.Moment(token.ExpiresAt)}. On the "
                    + $"device:");
                screen.Error.WriteLine($"  fleet-agent enroll --server {token.Server ?? "https://HOST:8443"} --token {token.Token} --id "
                    + $"{call.Get(Id)} --replace --data /var/lib/fleet-agent");
            });
        });
    }

    private static Command Revoke(Shell shell) => Verb.On(shell, "revoke", """
        Revokes a device: no certificate of it is accepted, and its connection is cut. With --serial, one certificate.

        Examples:
          fleet devices revoke press-7
          fleet devices revoke press-7 --serial 4F2A09C1
        """, [Id, Serial, Verb.Yes()], async (call, cancellationToken) =>
    {
        var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
        var what = call.Get(Serial) is { } serial ? $"certificate {serial} of device {device.Id}" : $"device {device.Id}";
        await call.ConfirmAsync(
            $"Revoke {what}? Its connection is cut at once; 'fleet devices unrevoke' takes it back.", cancellationToken);
        device = await call.Client.RevokeDeviceAsync(call.Get(Id), "revoke", call.Get(Serial), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen =>
        {
            screen.WriteLine($"{char.ToUpperInvariant(what[0])}{what[1..]} is revoked.");
            // A serial that was misspelt revokes nothing that is in use.
            if (call.Get(Serial) is not null && device.Certificate is { } newest
                && newest.RevokedSerials?.Contains(newest.Serial) is not true)
                screen.WriteHint($"The device's newest certificate is {newest.Serial}, and it still counts.");
        });
    });

    private static Command Unrevoke(Shell shell) => Verb.On(shell, "unrevoke", """
        Takes the revocation of a device back, or with --serial that of one certificate. The device comes back by itself.

        Example:
          fleet devices unrevoke press-7
        """, [Id, Serial], async (call, cancellationToken) =>
    {
        var device = await call.Client.RevokeDeviceAsync(call.Get(Id), "unrevoke", call.Get(Serial), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen => screen.WriteLine(
            call.Get(Serial) is { } serial ? $"Certificate {serial} is accepted again." : $"Device {device.Id} is accepted again."));
    });

    private static Command Acknowledge(Shell shell) => Verb.On(shell, "acknowledge", """
        Ends the alarms of a device's identity that 'fleet devices show' names, once somebody has seen to them.

        Example:
          fleet devices acknowledge press-7
        """, [Id], async (call, cancellationToken) =>
    {
        var device = await call.Client.AcknowledgeAsync(call.Get(Id), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen => screen.WriteLine($"The alarms of device {device.Id} are ended."));
    });

    private static Command Decommission(Shell shell) => Verb.On(shell, "decommission", """
        Removes a device for good: what it is, should run and said, and its certificate. The audit trail keeps that it was there. Its id may
        be enrolled anew.

        Example:
          fleet devices decommission press-7
        """, [Id, Verb.Yes()], async (call, cancellationToken) =>
    {
        var device = await call.Client.GetDeviceAsync(call.Get(Id), cancellationToken);
        await call.ConfirmAsync(
            $"Decommission device {device.Id}? Its connection is cut, and everything about it is removed. This cannot be taken back.",
            cancellationToken);
        await call.Client.DecommissionAsync(call.Get(Id), cancellationToken);
        call.Show(device, FleetJson.Default.DeviceView, screen => screen.WriteLine($"Device {device.Id} is decommissioned."));
    });
}
