using System.CommandLine;
using System.Diagnostics;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models</c>: builds from a teacher to variants, and their reports.</summary>
internal static class ModelsCommand
{
    private static readonly Argument<string> BuildId = new("BUILD") { Description = "Id of the build, as 'fleet models builds' shows it." };

    public static Command Create(Shell shell) => Verb.Noun(
        "models", "Models: builds that make small variants of a teacher, and variants of a model of your own.", List(shell), Build(shell),
        Builds(shell), Cancel(shell), Report(shell), QuantizeCommand.Create(shell), ProveCommand.Create(shell));

    private static Command List(Shell shell) => Verb.On(shell, "list", """
        Lists models and where each of their releases came from.

        Example:
          fleet models list
        """, [], async (call, cancellationToken) =>
    {
        var models = await call.Client.ListModelsAsync(cancellationToken);
        call.Show(models, FleetJson.Default.IReadOnlyListModelView, screen =>
        {
            var sheet = new Sheet("model", ">release", "build", "teacher?", "student?", "variants", "signed");
            foreach (var model in models)
            {
                foreach (var version in model.Versions)
                    sheet.Add(
                        model.Name, version.Version, version.Build, version.Teacher, version.Student, string.Join(", ", version.Variants),
                        Figures.Moment(version.CreatedAt));
                if (model.Versions.Count == 0)
                    sheet.Add(model.Name, Figures.None, $"{Figures.Counted(model.Builds, "build")}, none released", "", "", "", "");
            }
            screen.Write(sheet);
            if (sheet.Count == 0) screen.WriteHint(
                "There are no models. 'fleet models build SPEC.yaml --wait' makes one, 'fleet releases create BUILD' releases it.");
        });
    });

    private static Command Build(Shell shell)
    {
        var spec = new Argument<string>("SPEC") { Description = "Build spec, a YAML file; relative paths in it start at its own folder." };
        var wait = new Option<bool>("--wait") { Description = "Wait until it has ended, and show its variants." };
        var follow = new Option<bool>("--follow") { Description = "Wait, and write every step as a line of its own." };
        return Verb.On(shell, "build", """
            Builds a model: trains or reads the teacher, distills a student, quantizes it for each profile, measures every variant.

            Examples:
              fleet models build deploy/examples/vibration.yaml --wait
              fleet models build fashion.yaml --wait --json > build.json
            """, [spec, wait, follow], async (call, cancellationToken) =>
        {
            // On a server of this machine a build fails a second later for a file that is missing here: it is not queued.
            var isHere = call.Client.Address.Url.IsLoopback;
            var asked = SpecFile.Read(call.Get(spec), filesAreHere: isHere);
            var build = await call.Client.StartBuildAsync(asked, cancellationToken);
            if (call.Get(wait) || call.Get(follow))
            {
                build = await WaitAsync(call, build, asLines: call.Get(follow), cancellationToken);
                if (build.HasReport && !call.Json)
                    BuildTables.Write(call.Shell, await call.Client.GetReportAsync(build.Id, cancellationToken));
            }
            call.Show(build, FleetJson.Default.BuildView, screen =>
            {
                if (build.Status == BuildStatus.Succeeded)
                {
                    screen.WriteLine();
                    screen.WriteLine($"Report  fleet models report {build.Id} --open");
                    screen.WriteLine($"Next    fleet releases create {build.Id}");
                }
                else if (!build.HasReport)
                {
                    screen.WriteLine($"Build {build.Id} of {build.Model} is {build.Status.ToWords()}.");
                    if (build.Status != BuildStatus.Queued) return;
                    if (!isHere && SpecFiles.Of(asked) is { Count: > 0 } files)
                        screen.WriteHint($"Its worker looks on its own machine for {string.Join(", ", files.Select(file => file.Path))}.");
                    screen.WriteHint("'fleet models builds' shows how far it is.");
                }
            });
            if (build.Status is BuildStatus.Failed or BuildStatus.Cancelled)
            {
                var end = build.Status == BuildStatus.Failed ? "failed" : "was cancelled";
                throw new FleetException([
                    $"Build {build.Id} of {build.Model} {end}: {build.Failure ?? "no reason was given"}",
                    .. build.HasReport ? [$"'fleet models report {build.Id} --open' shows what was measured."] : Array.Empty<string>()]);
            }
        });
    }

    private static Command Builds(Shell shell)
    {
        var model = new Option<string?>("--model") { HelpName = "NAME", Description = "Only builds of this model." };
        return Verb.On(shell, "builds", """
            Lists builds, the newest first.

            Example:
              fleet models builds --model vibration
            """, [model], async (call, cancellationToken) =>
        {
            IReadOnlyList<BuildView> builds = [.. (await call.Client.ListBuildsAsync(cancellationToken))
                .Where(build => call.Get(model) is not { } name || build.Model == name)
                .OrderByDescending(build => build.CreatedAt)];
            call.Show(builds, FleetJson.Default.IReadOnlyListBuildView, screen =>
            {
                var sheet = new Sheet("build", "model", "status", ">done?", "asked?", "took", "step or reason");
                foreach (var build in builds)
                {
                    sheet.Add(build.Id, build.Model, Words.Status(build.Status),
                        build.Status == BuildStatus.Running ? Figures.Percent(build.Progress?.Fraction) : "",
                        DurationText.Ago(build.CreatedAt, call.Now), build.StartedAt is { } began
                            ? DurationText.Of((build.FinishedAt ?? call.Now) - began)
                            : "",
                        build.Failure ?? (build.Status == BuildStatus.Running ? build.Progress?.Step : ""));
                }
                screen.Write(sheet);
                if (sheet.Count == 0) screen.WriteHint("There are no builds. 'fleet models build SPEC.yaml --wait' starts one.");
            });
        });
    }

    private static Command Cancel(Shell shell) => Verb.On(shell, "cancel", """
        Cancels a build that waits or runs.

        Example:
          fleet models cancel BUILD
        """, [BuildId], async (call, cancellationToken) =>
    {
        await call.Client.CancelBuildAsync(call.Get(BuildId), cancellationToken);
        var build = await call.Client.GetBuildAsync(call.Get(BuildId), cancellationToken);
        call.Show(build, FleetJson.Default.BuildView, screen => screen.WriteLine($"Build {build.Id} of {build.Model} is "
            + $"{build.Status.ToWords()}."));
    });

    private static Command Report(Shell shell)
    {
        var html =
            new Option<string?>("--html") { HelpName = "FILE", Description = "Also save the report's page, one self-contained HTML file." };
        var open = new Option<bool>("--open") { Description = "Also open the page in the browser." };
        return Verb.On(shell, "report", """
            Shows what came out of a build: teacher, student, and every variant with its size, latency, quality and verdict.

            Examples:
              fleet models report BUILD
              fleet models report BUILD --html report.html
              fleet models report BUILD --json | jq '.variants[] | select(.accepted | not)'
            """, [BuildId, html, open], async (call, cancellationToken) =>
        {
            var id = call.Get(BuildId);
            var report = await call.Client.GetReportAsync(id, cancellationToken);
            var file = call.Get(html)
                ?? (call.Get(open) ? Path.Combine(Path.GetTempPath(), $"fleet-build-{Path.GetFileName(id)}.html") : null);
            if (file is not null)
                await File.WriteAllBytesAsync(file, await call.Client.GetReportPageAsync(id, cancellationToken), cancellationToken);
            call.Show(report, FleetJson.Default.BuildReport, screen =>
            {
                BuildTables.Write(screen, report);
                if (file is null) return;
                screen.WriteLine();
                screen.WriteLine($"Page    {Path.GetFullPath(file)}");
            });
            if (call.Get(open)) Open(file!);
        });
    }

    private static async Task<BuildView> WaitAsync(Call call, BuildView build, bool asLines, CancellationToken cancellationToken)
    {
        try
        {
            return await StepBoard.RunAsync(
                call.Shell, board
                    => board.StepAsync(
                        $"Build {build.Id} of {build.Model}", step => Follow.BuildAsync(
                            call.Client, call.Shell.Time, build.Id, step, Timeout.InfiniteTimeSpan, cancellationToken)), asLines);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            call.Shell.WriteHint($"Build {build.Id} goes on without this terminal: 'fleet models builds' shows it, 'fleet models cancel "
                + $"{build.Id}' ends it.");
            throw;
        }
    }

    private static void Open(string file)
    {
        try
        {
            using var browser = Process.Start(
                new ProcessStartInfo("xdg-open", [file]) { RedirectStandardOutput = true, RedirectStandardError = true });
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new FleetException($"No browser could be opened ({e.Message}). The page is {file}.", e);
        }
    }
}
