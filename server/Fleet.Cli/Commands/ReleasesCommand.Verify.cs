using System.CommandLine;
using System.Security.Cryptography;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Releases;

namespace Fleet.Cli.Commands;

/// <summary>The verb that judges a signed release as a device would.</summary>
internal static partial class ReleasesCommand
{
    /// <summary>Needs no server: the same judgement as on a device, on a laptop.</summary>
    private static TaughtCommand Verify(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "A bundle, or a signed release as JSON." };
        var keys = new Option<string[]>("--trusted-key")
        {
            HelpName = "PEM",
            Description = "Public key that may have signed it, a PEM "
            + "file; may be repeated.",
            Required = true
        };
        var minimum = new Option<int>("--minimum-version")
        {
            HelpName = "N",
            Description = "Oldest version to accept.",
            DefaultValueFactory = _ => 1,
        };
        var command = new TaughtCommand("verify", """
            Judges a bundle or a signed release as a device would: signature, rules, version, expiry; of a bundle also that every file is
            signed, whole and there. It needs no server.

            Examples:
              fleet releases verify vibration-3.tar --trusted-key release-key.pem
              fleet releases verify vibration-3.dsse.json --trusted-key release-key.pem
            """) { file, keys, minimum, Verb.Json() };
        command.SetAction((parsed, cancellationToken) => VerifyAsync(
            shell, parsed.GetRequiredValue(file), parsed.GetRequiredValue(keys), parsed.GetValue(minimum), Verb.AsksJson(parsed),
            cancellationToken));
        return command;
    }

    private static async Task<int> VerifyAsync(
        Shell shell, string file, string[] keyFiles, int minimumVersion, bool json, CancellationToken cancellationToken)
    {
        byte[] envelope;
        List<ReleaseKey> trusted;
        try
        {
            if (await BundleFile.IsAsync(file, cancellationToken))
            {
                trusted = [.. keyFiles.Select(ReadKey)];
                envelope = await BundleFile.VerifyAsync(file, trusted, cancellationToken);
                return Judge(shell, file, envelope, trusted, minimumVersion, json);
            }
            if (new FileInfo(file) is { Exists: true, Length: > Limits.ManifestBytes } large)
                throw new FleetException($"{file} has {large.Length:#,0} bytes; a signed release has at most {Limits.ManifestBytes:#,0}.");
            envelope = await File.ReadAllBytesAsync(file, cancellationToken);
            trusted = [.. keyFiles.Select(ReadKey)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FleetException(e.Message, e);
        }

        return Judge(shell, file, envelope, trusted, minimumVersion, json);
    }

    private static int Judge(Shell shell, string file, byte[] envelope, List<ReleaseKey> trusted, int minimumVersion, bool json)
    {
        var verdict = ReleaseVerifier.Verify(envelope, trusted, shell.Time.GetUtcNow(), model: null, minimumVersion);
        if (verdict.Manifest is not { } manifest)
            throw new FleetException($"{file} is not trusted.", $"{verdict.Reason} ({verdict.Fault})");
        if (json) shell.WriteJson(manifest, FleetJson.Default.ReleaseManifest);
        else
        {
            shell.WriteLine($"{file} is trusted.");
            shell.WriteLine();
            ReleaseTables.Write(shell, manifest, keyId: null);
        }
        return ExitCode.Success;
    }

    private static ReleaseKey ReadKey(string file)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(file));
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new FleetException($"{file} does not hold a public key in PEM: {e.Message}", e);
        }
        return ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }
}
