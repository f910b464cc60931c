using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet releases</c>: signed, numbered sets of variants.</summary>
internal static class ReleasesCommand
{
    public static Command Create(Shell shell)
        => Verb.Noun(
            "releases", "Releases: signed, numbered sets of variants that devices trust.", New(shell), List(shell), Show(shell),
            Verify(shell));

    private static Command New(Shell shell)
    {
        var build = new Argument<string?>("BUILD") { Description = "Id of a build that succeeded.", Arity = ArgumentArity.ZeroOrOne };
        var model = new Option<string?>("--model")
        {
            HelpName = "NAME",
            Description = "The newest build of this model that succeeded, in "
            + "place of BUILD."
        };
        var validFor = Verb.Duration("--valid-for", "How long devices newly trust it [default: a year].");
        return Verb.On(shell, "create", """
            Signs the accepted variants of a build as the next release of its model.

            Examples:
              fleet releases create BUILD
              fleet releases create --model vibration --valid-for 90d
            """, [build, model, validFor], async (call, cancellationToken) =>
        {
            var id = (call.Find(build), call.Get(model)) switch
            {
                ({ } given, null) => given,
                (null, { } name) => await NewestBuildAsync(call.Client, name, cancellationToken),
                _ => throw new FleetException("Name either a build or a model.", "fleet releases create BUILD, or fleet releases create "
                    + "--model NAME")
                { Code = ExitCode.Usage },
            };
            var release = await call.Client.CreateReleaseAsync(new CreateReleaseRequest(id, call.Get(validFor)), cancellationToken);
            call.Show(release, FleetJson.Default.ReleaseView, screen =>
            {
                Write(screen, release.Manifest, release.KeyId);
                screen.WriteLine();
                screen.WriteLine($"Next    fleet rollouts start --model {release.Manifest.Model} --version {release.Manifest.Version} "
                    + $"--waves 5%,25%,100%");
            });
        });
    }

    private static async Task<string> NewestBuildAsync(FleetClient client, string model, CancellationToken cancellationToken)
    {
        var builds = (await client.ListBuildsAsync(cancellationToken)).Where(build => build.Model == model)
            .OrderByDescending(build => build.CreatedAt).ToList();
        return builds.FirstOrDefault(build => build.Status == BuildStatus.Succeeded)?.Id ?? throw new FleetException(builds.Count == 0
            ? $"There is no build of a model '{model}'; 'fleet models builds' lists them."
            : $"No build of {model} has succeeded; the newest, {builds[0].Id}, is {builds[0].Status.ToWords()}.");
    }

    private static Command List(Shell shell)
    {
        var model = new Option<string?>("--model") { HelpName = "NAME", Description = "Only releases of this model." };
        return Verb.On(shell, "list", """
            Lists releases, the newest first.

            Example:
              fleet releases list --model vibration
            """, [model], async (call, cancellationToken) =>
        {
            IReadOnlyList<ReleaseView> releases = [.. (await call.Client.ListReleasesAsync(cancellationToken))
                .Where(release => call.Get(model) is not { } name || release.Manifest.Model == name)
                .OrderByDescending(release => release.Manifest.CreatedAt)];
            call.Show(releases, FleetJson.Default.IReadOnlyListReleaseView, screen =>
            {
                var sheet = new Sheet("model", ">version", "variants", ">serving on", "signed", "expires", "key?");
                foreach (var release in releases)
                {
                    var manifest = release.Manifest;
                    sheet.Add(
                        manifest.Model, manifest.Version, string.Join(", ", manifest.Variants.Select(variant => variant.Id)),
                        release.ActiveDevices, Figures.Moment(manifest.CreatedAt),
                        manifest.ExpiresAt <= call.Now ? new Cell("expired", Tone.Bad) : Figures.Moment(manifest.ExpiresAt),
                        ShortKey(release.KeyId));
                }
                screen.Write(sheet);
                if (sheet.Count == 0) screen.WriteHint("There are no releases. 'fleet releases create BUILD' makes one from a build.");
            });
        });
    }

    private static Command Show(Shell shell)
    {
        var model = new Argument<string>("MODEL") { Description = "Name of the model." };
        var version = new Argument<int>("VERSION") { Description = "Number of the release." };
        return Verb.On(shell, "show", """
            Shows one release: its variants, their expected figures, and the gates a device judges them by.

            Example:
              fleet releases show vibration 3
            """, [model, version], async (call, cancellationToken) =>
        {
            var release = await call.Client.GetReleaseAsync(call.Get(model), call.Get(version), cancellationToken);
            call.Show(release, FleetJson.Default.ReleaseView, screen =>
            {
                Write(screen, release.Manifest, release.KeyId);
                screen.WriteLine();
                screen.WriteLine($"Serving on {Figures.Counted(release.ActiveDevices, "device")}.");
            });
        });
    }

    /// <summary>Needs no server: the same judgement as on a device, on a laptop.</summary>
    private static TaughtCommand Verify(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "Signed release, the DSSE envelope as JSON." };
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
            Judges a signed release as a device would: signature, rules, version, expiry. It needs no server.

            Example:
              fleet releases verify vibration-3.dsse.json --trusted-key release-key.pem
            """) { file, keys, minimum, Verb.Json };
        command.SetAction((parsed, cancellationToken) => VerifyAsync(
            shell, parsed.GetRequiredValue(file), parsed.GetRequiredValue(keys), parsed.GetValue(minimum), parsed.GetValue(Verb.Json),
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
            if (new FileInfo(file) is { Exists: true, Length: > Limits.ManifestBytes } large)
                throw new FleetException($"{file} has {large.Length:#,0} bytes; a signed release has at most {Limits.ManifestBytes:#,0}.");
            envelope = await File.ReadAllBytesAsync(file, cancellationToken);
            trusted = [.. keyFiles.Select(ReadKey)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FleetException(e.Message, e);
        }

        // Which model it is for is the caller's question on a device; here the file itself answers it, after its signature holds.
        var verdict = ReleaseVerifier.Verify(envelope, trusted, shell.Time.GetUtcNow(), ModelOf(envelope), minimumVersion);
        if (verdict.Manifest is not { } manifest)
            throw new FleetException($"{file} is not trusted.", $"{verdict.Reason} ({verdict.Fault})");
        if (json) shell.WriteJson(manifest, FleetJson.Default.ReleaseManifest);
        else
        {
            shell.WriteLine($"{file} is trusted.");
            shell.WriteLine();
            Write(shell, manifest, keyId: null);
        }
        return ExitCode.Success;
    }

    private static string ModelOf(byte[] envelope)
    {
        try
        {
            return JsonSerializer.Deserialize(envelope, FleetJson.Default.DsseEnvelope) is { } signed
                ? JsonSerializer.Deserialize(signed.Payload, FleetJson.Default.ReleaseStatement)?.Predicate.Model ?? ""
                : "";
        }
        catch (JsonException)
        {
            return ""; // The verifier says what is wrong with it, in order.
        }
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

    private static void Write(Shell screen, ReleaseManifest manifest, string? keyId)
    {
        screen.WriteHeading($"Release {manifest.Model} {manifest.Version}");
        var sheet = new Sheet("", "");
        sheet.Add("Signed", Figures.Moment(manifest.CreatedAt) + (keyId is null ? "" : $" by key {ShortKey(keyId)}"));
        sheet.Add("Expires", Figures.Moment(manifest.ExpiresAt));
        sheet.Add("Build", manifest.Build);
        sheet.Add("Task", TaskDefinition.Of(manifest.TaskOf()).Title);
        sheet.Add("Inputs", string.Join("; ", manifest.Inputs.Select(Describe)));
        sheet.Add("Outputs", string.Join("; ", manifest.Outputs.Select(Describe)));
        if (manifest.Classes.Count > 0) sheet.Add("Classes", string.Join(", ", manifest.Classes));
        sheet.Add("Judged by", $"{manifest.ValidationSet.Name}, {Figures.Bytes(manifest.ValidationSet.Bytes)}");
        screen.Write(sheet);
        screen.WriteLine();

        var expected = new ScoreColumn(manifest.Variants.Select(variant => (Scores?)variant.Expected));
        var variants = new Sheet("variant", "profile", "scheme?", ">size", $">{expected.Title}", "gates", "sha-256?");
        foreach (var variant in manifest.Variants)
        {
            variants.Add(
                variant.Id, variant.Profile, variant.Scheme, Figures.Bytes(variant.Artifact.Bytes), expected.Of(variant.Expected)
                    ?? Figures.None,
                variant.Gate.Thresholds.Count > 0
                    ? string.Join(", ", variant.Gate.Thresholds.Select(threshold => threshold.Brief()))
                    : "none", variant.Artifact.Sha256[..12]);
        }
        screen.Write(variants);
    }

    private static string Describe(TensorDescription tensor) => $"{tensor.Name} {tensor.Datatype} [{string.Join(", ", tensor.Shape)}]";

    private static string ShortKey(string keyId) => keyId.Length > 12 ? keyId[..12] : keyId;
}
