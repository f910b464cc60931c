using System.Runtime.Versioning;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Demo;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Commands;

/// <summary>The part that shows what came out, and goes on serving.</summary>
internal static partial class DemoCommand
{
    [SupportedOSPlatform("linux")]
    private static void Show(Shell shell, DemoOptions options, DemoOutcome outcome)
    {
        var figures = DemoReport.Of(outcome.Report, outcome.Devices, outcome.Telemetry, outcome.Took);
        if (options.Report is { } file)
        {
            try { File.WriteAllText(file, JsonSerializer.Serialize(figures, DemoJson.Default.DemoReport) + "\n"); }
            catch (Exception e) when (
                e is IOException or UnauthorizedAccessException)
            {
                throw new FleetException(
                    $"The report could not be written to {file}: {e.Message}", e);
            }
        }
        if (options.Json) shell.WriteLine(JsonSerializer.Serialize(figures, DemoJson.Default.DemoReport));
        else DemoTables.Write(shell, outcome);
    }

    /// <summary>Keeps a light load on the devices until Ctrl+C, which here is the way it is meant to end.</summary>
    [SupportedOSPlatform("linux")]
    private static async Task<bool> ServeAsync(
        Shell shell, DemoOptions options, StepBoard board, DemoFolder folder, Children children, DemoOutcome outcome,
        CancellationToken cancellationToken)
    {
        if (!options.Json) DemoTables.WriteAddresses(shell, outcome, folder);
        await board.StepAsync("Serving until Ctrl+C", async step =>
        {
            using var any = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, children.Died);
            var sending = Task.WhenAll(outcome.Traffic.Select(one => one.KeepSendingAsync(TimeSpan.FromMilliseconds(500), any.Token)));
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), shell.Time);
            try
            {
                while (await timer.WaitForNextTickAsync(any.Token))
                    step.Say(
                        string.Join(
                            ", ", outcome.Traffic.Select(one => $"{one.Device} {Figures.Count(one.Answered)}")) + " requests answered");
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                await Task.WhenAny(sending); // It was cancelled with the rest; which is not a failure.
            }
            catch (OperationCanceledException) when (children.FirstDead is { } dead)
            {
                throw new FleetException(
                    [$"The process {dead.Name} ended with code {dead.ExitCode}. Its last lines:", .. dead.LastLines(12)]);
            }
        });
        return true;
    }
}
