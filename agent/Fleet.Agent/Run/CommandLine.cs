using System.CommandLine;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Contracts.Devices;
using Fleet.Platform;

namespace Fleet.Agent.Run;

/// <summary>What a person or systemd types.</summary>
internal static partial class CommandLine
{
    private static readonly Option<string> Data = new("--data")
    {
        Description = "Folder for everything this agent keeps: identity, models, journals, unsent telemetry",
        DefaultValueFactory = _ => "/var/lib/fleet-agent",
        HelpName = "folder",
    };

    /// <summary>Runs what the arguments ask for and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand(
            """
            Runs models on this device as a Fleet server wants them: fetches signed
            releases, measures each variant on this device, serves the best one and
            reports.

            First:   fleet-agent enroll --server https://fleet.example:8443 \
                       --token fleet1.… --id press-17 --data /var/lib/fleet-agent
            Then:    fleet-agent run --data /var/lib/fleet-agent
            Check:   fleet-agent self-check --data /var/lib/fleet-agent

            Applications on this device call
            http://127.0.0.1:PORT/v2/models/MODEL/infer. The file endpoints.json in the
            data folder has the port.
            Exit codes: 0 success, 1 failure, 2 wrong command line or setting, 3 not
            enrolled, 4 server unreachable, 5 refused by the server, 130 stopped by
            Ctrl+C or SIGTERM.
            """)
        {
            Enroll(), Run(), Check(), Install(), Report(), Renew(), Move(),
        };
        var parsed = root.Parse(args);
        using var stop = StopSignals.Listen();
        // The library's own handling of signals would end the process two seconds after the first.
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        var code = await parsed.InvokeAsync(invocation, stop.Token);
        return parsed.Errors.Count > 0 ? (int)ExitCode.Usage : code;
    }

    private static Command Enroll()
    {
        var server = new Option<string>("--server")
        {
            Description = "Address of the server's port for devices",
            Required = true,
            HelpName = "https://host:port",
        };
        var token = new Option<string>("--token")
        {
            Description = "Join token from 'fleet tokens create'. The environment variable FLEET_TOKEN hides it from other users",
            HelpName = "token",
        };
        var id = new Option<string>("--id") { Description = $"Name of this device: {Names.Rule}", Required = true, HelpName = "name" };
        var profile = new Option<string?>("--profile")
        {
            Description = $"Hardware profile ({BuiltInProfiles.Names}, or one that releases bring). "
                + "By default the device's own facts decide",
            HelpName = "name",
        };
        var replace = new Option<bool>("--replace")
        {
            Description = "Replace the identity that is here by one with a new key, as 'fleet devices reenroll' allows",
        };
        var command = new Command(
            "enroll", "Creates a key on this device and exchanges a join token for a certificate. A call that was cut short is repeated as "
            + "it was: the key is kept, and so is the place in the fleet.")
        {
            Data, server, token, id, profile, replace,
        };
        command.SetAction((parsed, cancellationToken) => GuardAsync(async () =>
        {
            if (!Uri.TryCreate(parsed.GetValue(server), UriKind.Absolute, out var address))
                throw new UsageException($"Server address '{parsed.GetValue(server)}' must look like https://host:port.");
            if (!DeviceId.TryParse(parsed.GetValue(id), out var device))
                throw new UsageException($"Device id '{parsed.GetValue(id)}' must be {Names.Rule}.");
            var secret = parsed.GetValue(token) ?? Environment.GetEnvironmentVariable("FLEET_TOKEN")
                ?? throw new UsageException("A join token is needed: give it with --token or in FLEET_TOKEN.");
            var folder = FolderOf(parsed);
            var enroller = new Enroller(folder, new FactsReader(), TimeProvider.System, Console.Error.WriteLine);
            var order = new EnrollmentOrder(address, secret, device, parsed.GetValue(profile), parsed.GetValue(replace));
            var identity = await enroller.EnrollAsync(order, cancellationToken);
            Console.WriteLine($"{identity.Device} is enrolled at {identity.Server}. Start it with: fleet-agent run --data {folder.Root}");
            return ExitCode.Success;
        }, cancellationToken));
        return command;
    }

    private static Command Check()
    {
        var command = new Command("self-check", "Checks identity, certificate, server and stored models. Changes nothing.") { Data };
        command.SetAction((parsed, cancellationToken) =>
        {
            var check = new SelfCheck(FolderOf(parsed), TimeProvider.System, Console.Out);
            return GuardAsync(() => check.RunAsync(cancellationToken), cancellationToken);
        });
        return command;
    }

    private static DataFolder FolderOf(ParseResult parsed) => new(Path.GetFullPath(parsed.GetValue(Data)!));
}
