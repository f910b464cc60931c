using System.CommandLine;
using System.Runtime.Versioning;
using Fleet.Cli.Client;
using Fleet.Cli.Demo;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet demo</c>: the whole loop on this machine, with nothing made up.</summary>
internal static partial class DemoCommand
{
    public static Command Create(Shell shell)
    {
        var once = new Option<bool>("--once") { Description = "End after the table; otherwise everything goes on until Ctrl+C." };
        var report = new Option<string?>("--report") { HelpName = "FILE", Description = "Write the figures as JSON." };
        var spec = new Option<string?>("--spec")
        {
            HelpName = "FILE",
            Description = "Build this spec, of a classifier with one input, "
            + "instead of the built-in one."
        };
        var data = new Option<string?>("--data")
        {
            HelpName = "DIR",
            Description = "Keep everything in this folder; an earlier demo in "
            + "it goes on: its devices stay, its releases are numbered on [default: a temporary folder]."
        };
        var keep = new Option<bool>("--keep") { Description = "Keep the temporary folder." };
        var json = new Option<bool>("--json") { Description = "Print the figures as one JSON document instead of tables." };
        var command = new TaughtCommand("demo", """
            Runs the whole loop on this machine: builds a model, signs it, rolls it out to three agents, serves and watches it.

            A server, a build worker and three agents run as separate processes on
            loopback; it takes a few minutes. Agents whose profile is not this machine's
            say so: their latency is not that of the real hardware.

            Examples:
              fleet demo
              fleet demo --once --report demo.json
            """) { once, report, spec, data, keep, json };
        command.SetAction((parsed, cancellationToken) =>
        {
            if (!OperatingSystem.IsLinux()) throw new FleetException("The demo runs on Linux only.");
            return RunAsync(shell, new DemoOptions
            {
                Once = parsed.GetValue(once),
                Report = parsed.GetValue(report),
                Spec = parsed.GetValue(spec),
                Data = parsed.GetValue(data),
                Keep = parsed.GetValue(keep),
                Json = parsed.GetValue(json),
            }, cancellationToken);
        });
        return command;
    }

    [SupportedOSPlatform("linux")]
    private static async Task<int> RunAsync(Shell shell, DemoOptions options, CancellationToken cancellationToken)
    {
        // Read first: a mistake in it should not cost the start of five processes.
        var spec = options.Spec is { } file ? SpecFile.Read(file, filesAreHere: true) : DemoRun.BuiltInSpec();
        var folder = DemoFolder.Create(options.Data, options.Keep);
        var (succeeded, failed) = (false, true);
        try
        {
            using var http = new HttpClient();
            await using var children = new Children(folder.Logs);
            var outcome = await StepBoard.RunAsync(
                shell, board => GoAsync(new DemoRun(shell, folder, spec, children, http, board), board, folder, cancellationToken));
            succeeded = true;
            Show(shell, options, outcome);
            if (!options.Once)
                await StepBoard.RunAsync(shell, board => ServeAsync(shell, options, board, folder, children, outcome, cancellationToken));
            if (shell.Live) shell.WriteHint("Stopping the agents and the server …");
            failed = false;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            failed = false; // Stopped by its user: there is nothing to find out from the logs.
            throw;
        }
        finally
        {
            if (folder.CleanUp(keepLogs: failed) && succeeded) shell.WriteHint($"Everything is kept in {folder.Root}.");
        }
        return ExitCode.Success;
    }

    [SupportedOSPlatform("linux")]
    private static async Task<DemoOutcome> GoAsync(DemoRun run, StepBoard board, DemoFolder folder, CancellationToken cancellationToken)
    {
        try
        {
            return await run.RunAsync(cancellationToken);
        }
        catch (FleetException e)
        {
            List<string> lines = [$"{board.Current}: failed.", .. e.Lines];
            if (run.Concern is { } concern)
            {
                lines.Add($"The last lines of {concern.Name}:");
                lines.AddRange(concern.LastLines(12).Select(line => "  " + line));
            }
            throw new FleetException([.. lines, $"All logs are in {folder.Logs}."]);
        }
    }
}
