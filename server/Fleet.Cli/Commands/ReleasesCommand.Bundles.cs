using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary>The verbs for sites without a network: a release as one file.</summary>
internal static partial class ReleasesCommand
{
    private static Command Export(Shell shell)
    {
        var model = new Argument<string>("MODEL") { Description = "Name of the model." };
        var version = new Argument<int>("VERSION") { Description = "Number of the release." };
        var file = new Option<string?>("--out") { HelpName = "FILE", Description = "Where to write it [default: MODEL-VERSION.tar]." };
        var device = new Option<string?>("--device")
        {
            HelpName = "ID",
            Description = "Put in a signed order to this device, which should run the release. It counts for 90 days.",
        };
        return Verb.On(shell, "export", """
            Writes a release into one file, a tar: the signed release, every artifact, and model.sig, by which the standard tool of
            OpenSSF model signing verifies the files once they are unpacked (model_signing verify key). A device takes it with
            'fleet-agent install'.

            Example:
              fleet releases export vibration 3 --out vibration-3.tar
            """, [model, version, file, device], async (call, cancellationToken) =>
        {
            var path = call.Get(file) ?? $"{call.Get(model)}-{call.Get(version)}.tar";
            var partial = path + ".part";
            try
            {
                await using (var output = File.Create(partial))
                    await call.Client.ExportAsync(call.Get(model), call.Get(version), call.Get(device), output, cancellationToken);
                File.Move(partial, path, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new FleetException($"{path} cannot be written: {e.Message}", e);
            }
            finally
            {
                if (File.Exists(partial)) File.Delete(partial);
            }
            var release = await call.Client.GetReleaseAsync(call.Get(model), call.Get(version), cancellationToken);
            call.Show(release, FleetJson.Default.ReleaseView, screen => screen.WriteLine(
                $"Release {release.Manifest.Model} {release.Manifest.Version} is in {path}, "
                    + $"{Figures.Bytes(new FileInfo(path).Length)}."));
        });
    }

    private static Command Import(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "A bundle that 'fleet releases export' wrote." };
        return Verb.On(shell, "import", """
            Takes a release from a bundle, with its number and its signature. A key of this fleet must have signed it, and every byte
            is checked. A release that is there already gets back the artifacts that were lost.

            Example:
              fleet releases import vibration-3.tar
            """, [file], async (call, cancellationToken) =>
        {
            try
            {
                await using var content = File.OpenRead(call.Get(file));
                var release = await call.Client.ImportAsync(content, cancellationToken);
                if (release.WithdrawnAt is { } withdrawn)
                    call.Shell.WriteHint($"Release {release.Manifest.Model} {release.Manifest.Version} was withdrawn here at "
                        + $"{Figures.Moment(withdrawn)}: nothing rolls it out, and devices refuse it. Its artifacts are here again.");
                call.Show(release, FleetJson.Default.ReleaseView, screen =>
                {
                    ReleaseTables.Write(screen, release.Manifest, release.KeyId);
                    if (release.WithdrawnAt is not null) return;
                    screen.WriteLine();
                    screen.WriteLine($"Next    fleet rollouts start --model {release.Manifest.Model} --version {release.Manifest.Version} "
                        + $"--waves 5%,25%,100%");
                });
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new FleetException($"{call.Get(file)} cannot be read: {e.Message}", e);
            }
        });
    }

    private static Command Withdraw(Shell shell)
    {
        var model = new Argument<string>("MODEL") { Description = "Name of the model." };
        var version = new Argument<int>("VERSION") { Description = "Number of the release." };
        var keepServing = new Option<bool>("--keep-serving")
        {
            Description = "Devices that serve it go on until another release takes its place.",
        };
        return Verb.On(shell, "withdraw", """
            Withdraws a release for good. Devices are told in a signed order: they refuse it from then on, from a file as well, and one
            that serves it falls back to the release before, or takes the model out of service. Targets go back to what they had, the
            rollout that brings it is aborted, and its build may be signed again as a new release.

            Examples:
              fleet releases withdraw vibration 3
              fleet releases withdraw vibration 3 --keep-serving
            """, [model, version, keepServing, Verb.Yes()], async (call, cancellationToken) =>
        {
            var asked = await call.Client.GetReleaseAsync(call.Get(model), call.Get(version), cancellationToken);
            await call.ConfirmAsync($"Withdraw release {asked.Manifest.Model} {asked.Manifest.Version}? It cannot be taken back; "
                + $"{Figures.Counted(asked.ActiveDevices, "device")} serve it and "
                + (call.Get(keepServing) ? "go on until another release takes its place." : "stop doing so."), cancellationToken);
            var release = await call.Client.WithdrawAsync(
                asked.Manifest.Model, asked.Manifest.Version, call.Get(keepServing), cancellationToken);
            call.Show(release, FleetJson.Default.ReleaseView, screen => screen.WriteLine(
                $"Release {release.Manifest.Model} {release.Manifest.Version} is withdrawn. "
                    + (release.KeepServing ? "Devices that serve it go on until another takes its place. " : "")
                    + $"'fleet releases show {release.Manifest.Model} {release.Manifest.Version}' says which devices still serve it; "
                    + $"'fleet releases create {release.Manifest.Build}' signs its build again."));
        });
    }
}
