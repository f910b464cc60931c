using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet releases</c>: signed, numbered sets of variants.</summary>
internal static partial class ReleasesCommand
{
    public static Command Create(Shell shell)
        => Verb.Noun(
            "releases", "Releases: signed, numbered sets of variants that devices trust.", New(shell), List(shell), Show(shell),
            Export(shell), Import(shell), Verify(shell), Withdraw(shell));

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
            Signs the accepted variants of a build as the next release of its model. It shows first what would be signed and who measured
            what of it. Where something was measured by nobody it asks at a terminal, and says so to a script.

            Examples:
              fleet releases create BUILD
              fleet releases create --model vibration --valid-for 90d
            """, [build, model, validFor, Verb.Yes()], async (call, cancellationToken) =>
        {
            var id = (call.Find(build), call.Get(model)) switch
            {
                ({ } given, null) => given,
                (null, { } name) => await NewestBuildAsync(call.Client, name, cancellationToken),
                _ => throw new FleetException("Name either a build or a model.", "fleet releases create BUILD, or fleet releases create "
                    + "--model NAME")
                { Code = ExitCode.Usage },
            };
            var request = new CreateReleaseRequest(id, call.Get(validFor));
            await ShowBeforeAsync(call, await call.Client.PreviewReleaseAsync(request, cancellationToken), cancellationToken);
            var release = await call.Client.CreateReleaseAsync(request, cancellationToken);
            call.Show(release, FleetJson.Default.ReleaseView, screen =>
            {
                ReleaseTables.WriteSigned(screen, release);
                screen.WriteLine($"Next    fleet rollouts start --model {release.Manifest.Model} --version {release.Manifest.Version} "
                    + $"--waves 5%,25%,100%");
            });
        });
    }

    /// <summary>
    /// Says what would be signed and whose word it is, before it is; what nobody measured is signed by a person's word alone.
    /// </summary>
    internal static async Task ShowBeforeAsync(Call call, ReleasePreview preview, CancellationToken cancellationToken)
    {
        if (preview.IsReleased) return;
        var (manifest, measured) = (preview.Manifest, ReleaseMeasurements.Of(preview.Manifest));
        if (!call.Json) ReleaseTables.WriteDraft(call.Shell, manifest, measured);
        if (measured.Unmeasured.Count == 0) return;
        var nobody = $"Nobody measured {measured.NobodyInWords()}.";
        // A release can be withdrawn, and variants for other machines than the worker's are never timed: a script is not stopped.
        if (call.Shell.CanAsk) await call.ConfirmAsync($"Sign {manifest.Model} {manifest.Version}? {nobody}", cancellationToken);
        else call.Shell.WriteHint(nobody);
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
            call.Show(releases, FleetJson.Default.IReadOnlyListReleaseView, screen => ReleaseTables.WriteList(screen, releases, call.Now));
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
                ReleaseTables.Write(screen, release.Manifest, release.KeyId);
                screen.WriteLine();
                ReleaseTables.WriteUse(screen, release);
            });
        });
    }
}
