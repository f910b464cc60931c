using System.CommandLine;
using System.Diagnostics;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models</c>: builds from a teacher to variants, and their reports.</summary>
internal static partial class ModelsCommand
{
    private static readonly Argument<string> BuildId = new("BUILD") { Description = "Id of the build, as 'fleet models builds' shows it." };

    public static Command Create(Shell shell) => Verb.Noun(
        "models", "Models: builds that make small variants of a teacher, and variants of a model of your own.", List(shell), Build(shell),
        Builds(shell), Cancel(shell), Report(shell), QuantizeCommand.Create(shell), ProveCommand.Create(shell),
        InspectCommand.Create(shell));

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
