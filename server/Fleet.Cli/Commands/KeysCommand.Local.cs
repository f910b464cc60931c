using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Commands;

/// <summary>The verbs for the machine where root keys are, and for whoever checks.</summary>
internal static partial class KeysCommand
{
    /// <summary>Needs no server: root keys are made where they stay.</summary>
    private static TaughtCommand New(Shell shell)
    {
        var file = new Option<string>("--out") { HelpName = "FILE", Description = "Where the private key goes.", Required = true };
        var command = new TaughtCommand("new", """
            Makes a root key on this machine and prints its id. It needs no server.

            Example:
              fleet keys new --out root-anna.key
            """) { file, Verb.Json() };
        command.SetAction(parsed =>
        {
            var made = KeyFiles.Create(parsed.GetRequiredValue(file));
            if (Verb.AsksJson(parsed)) shell.WriteJson(made, FleetJson.Default.ReleaseKey);
            else shell.WriteLine(made.Id);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Needs no server: a root is signed where root keys are.</summary>
    private static TaughtCommand Sign(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "The root that 'fleet keys prepare' wrote." };
        var key = new Option<string>("--key") { HelpName = "PEM", Description = "Private root key.", Required = true };
        var command = new TaughtCommand("sign", """
            Adds a signature to a prepared root, and shows what is signed. It needs no server.

            Example:
              fleet keys sign next-root.json --key root-anna.key
            """) { file, key, Verb.Json() };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(file);
            var root = KeyFiles.ReadRoot(path);
            if (RootChain.Peek(root, out var problem) is not { } named) throw new FleetException($"{path} is not signed: {problem}");
            var signed = KeyFiles.Sign(root, parsed.GetRequiredValue(key));
            KeyFiles.WriteRoot(path, signed);
            if (Verb.AsksJson(parsed)) shell.WriteJson(signed, FleetJson.Default.DsseEnvelope);
            else WriteSigned(shell, path, named, signed);
            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteSigned(Shell shell, string path, TrustRoot named, DsseEnvelope signed)
    {
        KeyTables.Write(shell, named, _ => "elsewhere");
        shell.WriteLine();
        shell.WriteLine($"{path} has {Figures.Counted(signed.Signatures.Count, "signature")}: "
            + $"{EnvelopeSigners.Shortened(signed.Signatures.Select(signature => signature.KeyId))}.");
    }

    private static Command ExportRoot(Shell shell) => Verb.On(shell, "export-root", """
        Prints every root, signed, as one JSON document: whoever has the first can verify the last.

        Example:
          fleet keys export-root > roots.json
        """, [], async (call, cancellationToken)
        => call.Shell.WriteJson(await call.Client.ListRootsAsync(cancellationToken), FleetJson.Default.IReadOnlyListDsseEnvelope));
}
