using System.CommandLine;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet artifacts</c>: the files that the server stores, and those that nothing uses.</summary>
internal static class ArtifactsCommand
{
    public static Command Create(Shell shell) => Verb.Noun(
        "artifacts", "Artifacts: the files the server stores, and those that nothing uses.", List(shell), Sweep(shell));

    private static Command List(Shell shell)
    {
        var unused = new Option<bool>("--unused") { Description = "Only what no release and no build uses." };
        var limit = Verb.Limit("Most artifacts.", 100);
        return Verb.On(shell, "list", """
            Lists stored artifacts by digest, and who uses them.

            Examples:
              fleet artifacts list --unused
              fleet artifacts list --limit 1000 --json | jq '[.[].bytes] | add'
            """, [unused, limit], async (call, cancellationToken) =>
        {
            var (artifacts, isCut) = await call.Client.ListArtifactsAsync(call.Get(unused), call.Get(limit), cancellationToken);
            if (isCut) call.Shell.WriteHint($"The first {artifacts.Count} artifacts; --limit N shows more.");
            call.Show(artifacts, FleetJson.Default.IReadOnlyListArtifactView, screen =>
            {
                Write(screen, artifacts, call.Now);
                if (artifacts.Count == 0)
                    screen.WriteHint(call.Get(unused) ? "Everything stored is used." : "There are no artifacts: no build has ended yet.");
            });
        });
    }

    private static Command Sweep(Shell shell)
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Remove nothing, and show what would be removed." };
        var unusedFor = Verb.Duration(
            "--unused-for", "Least time that nothing has used them, 1h or more [default: the server's Fleet:UnusedArtifactsKept].");
        return Verb.On(shell, "sweep", """
            Removes artifacts that no release and no build uses. The server does it by itself every hour; this is for a disk that fills up
            now. What a build that runs may still name is kept.

            Examples:
              fleet artifacts sweep --dry-run
              fleet artifacts sweep --unused-for 6h
            """, [dryRun, unusedFor, Verb.Yes()], async (call, cancellationToken) =>
        {
            var request = new SweepRequest { UnusedFor = call.Get(unusedFor), DryRun = true };
            var found = await call.Client.SweepArtifactsAsync(request, cancellationToken);
            if (!call.Get(dryRun))
            {
                if (found.Removed > 0)
                    await call.ConfirmAsync(
                        $"Remove {Said(found.Removed, found.RemovedBytes)} that nothing uses? They cannot be brought back.",
                        cancellationToken);
                found = await call.Client.SweepArtifactsAsync(request with { DryRun = false }, cancellationToken);
            }
            call.Show(found, FleetJson.Default.SweepView, screen =>
            {
                if (found.DryRun) Write(screen, found.Artifacts, call.Now);
                if (found.MoreArtifacts > 0) screen.WriteLine($"… and {Figures.Count(found.MoreArtifacts)} more.");
                screen.WriteSentence((found.DryRun ? "Would remove " : "Removed ")
                    + $"{Said(found.Removed, found.RemovedBytes)}; {Said(found.Kept, found.KeptBytes)} stay"
                    + (found.Unused > 0 ? $", of which {Said(found.Unused, found.UnusedBytes)} are unused but too young, or held." : "."));
            });
        });
    }

    private static void Write(Shell screen, IReadOnlyList<ArtifactView> artifacts, DateTimeOffset now)
    {
        var sheet = new Sheet("digest", ">size", "name?", "used by", ">unused for?", "goes");
        foreach (var artifact in artifacts)
        {
            var more = artifact.Uses - artifact.UsedBy.Count;
            sheet.Add(
                $"{artifact.Sha256[..12]}…", Figures.Bytes(artifact.Bytes), artifact.Name ?? Figures.None,
                artifact.Uses == 0 ? Figures.None : string.Join(", ", artifact.UsedBy) + (more > 0 ? $" and {more} more" : ""),
                artifact.UnusedSince is { } since ? DurationText.Of(now - since) : Figures.None,
                artifact.HeldBy is { } held ? $"not yet: {held}" : Figures.Moment(artifact.GoesAt));
        }
        screen.Write(sheet);
    }

    private static string Said(int count, long bytes) => $"{Figures.Counted(count, "artifact")} ({Figures.Bytes(bytes)})";
}
