using System.CommandLine;
using Fleet.Agent.Enrollment;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Run;

/// <summary>The commands that change an identity that is there: another address, another certificate.</summary>
internal static partial class CommandLine
{
    private static Command Move()
    {
        var server = new Option<string>("--server")
        {
            Description = "New address of the server's port for devices",
            Required = true,
            HelpName = "https://host:port",
        };
        var command = new Command("move", "Follows a server that was renamed or moved. It must be the same one: its authority decides.")
        {
            Data, server,
        };
        command.SetAction((parsed, cancellationToken) => GuardAsync(async () =>
        {
            if (!Uri.TryCreate(parsed.GetValue(server), UriKind.Absolute, out var address))
                throw new UsageException($"Server address '{parsed.GetValue(server)}' must look like https://host:port.");
            var moved = await new ServerMove(FolderOf(parsed)).MoveAsync(address, cancellationToken);
            Console.WriteLine($"{moved.Device} is now a device of {moved.Server}, broker {moved.Mqtt}.");
            return ExitCode.Success;
        }, cancellationToken));
        return command;
    }

    private static Command Renew()
    {
        var command = new Command(
            "renew", "Exchanges the certificate for a new one with a new key, as the agent does by itself in the last third of its life. "
                + "The old one ends at once.") { Data };
        command.SetAction((parsed, cancellationToken) => GuardAsync(async () =>
        {
            var folder = FolderOf(parsed);
            IdentityFile.Require(folder); // Where no agent ever was there is no folder to claim.
            using var claimed = folder.Lock();
            var identity = IdentityFile.Require(folder);
            var trusted = new TrustedTime(folder, TimeProvider.System);
            var credentials = new DeviceCredentials(folder, identity, trusted);
            using var renewal = new CertificateRenewal(
                folder, credentials, trusted, TimeProvider.System, NullLogger<CertificateRenewal>.Instance);
            await renewal.RenewAsync(cancellationToken);
            Console.WriteLine($"{identity.Device} has certificate {credentials.Certificate.SerialNumber}, valid until "
                + $"{credentials.Certificate.NotAfter.ToUniversalTime():u}.");
            return ExitCode.Success;
        }, cancellationToken));
        return command;
    }
}
