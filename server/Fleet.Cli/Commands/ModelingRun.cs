using System.Diagnostics;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Processes;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Platform;

namespace Fleet.Cli.Commands;

/// <summary>Runs <c>fleet-modeling</c>, which carries the native libraries of models, and shows how far it is. This program stays small and does not crash with a model.</summary>
internal static class ModelingRun
{
    /// <summary>How long it may take to end in order before it is killed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Lines of what it said on standard error that are kept.</summary>
    private const int MaximumComplaints = 20;

    /// <summary>Runs it to its end.</summary>
    /// <param name="shell">Where progress goes.</param>
    /// <param name="title">What is done, for a person.</param>
    /// <param name="arguments">Arguments of the program.</param>
    /// <param name="cancellationToken">Asks it to end.</param>
    /// <returns>Its exit code and what it said on standard error.</returns>
    public static Task<(int Code, IReadOnlyList<string> Complaints)> RunAsync(Shell shell, string title, IEnumerable<string> arguments, CancellationToken cancellationToken)
        => StepBoard.RunAsync(shell, board => board.StepAsync(title, step => RunAsync(step, arguments, cancellationToken)));

    private static async Task<(int Code, IReadOnlyList<string> Complaints)> RunAsync(StepBoard.Step step, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(Installation.Modeling, [.. arguments, "--progress-json"]) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new FleetException("fleet-modeling could not be started.");
        var complaints = new List<string>();
        try
        {
            var said = ReadAsync(process.StandardError, line =>
            {
                if (complaints.Count < MaximumComplaints) complaints.Add(line);
            }, cancellationToken);
            await ReadAsync(process.StandardOutput, line =>
            {
                if (ProgressIn(line) is { } progress) step.Say(progress.Step, progress.Fraction);
            }, cancellationToken);
            await said;
            await process.WaitForExitAsync(cancellationToken);
            step.Result(process.ExitCode == 0 ? "" : "ended without success");
            return (process.ExitCode, complaints);
        }
        finally
        {
            if (!process.HasExited) await StopAsync(process);
        }
    }

    /// <summary>It removes what it has half written when it is asked; only then is it killed.</summary>
    private static async Task StopAsync(Process process)
    {
        _ = ProcessSignals.Send(process.Id, ProcessSignal.Terminate);
        using var patience = new CancellationTokenSource(Patience);
        try { await process.WaitForExitAsync(patience.Token); }
        catch (OperationCanceledException) { process.Kill(entireProcessTree: true); }
    }

    private static async Task ReadAsync(StreamReader reader, Action<string> take, CancellationToken cancellationToken)
    {
        while (await reader.ReadLineAsync(cancellationToken) is { } line) take(line);
    }

    private static BuildProgress? ProgressIn(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, FleetJson.Default.BuildProgress);
        }
        catch (JsonException)
        {
            // Something a native library printed.
            return null;
        }
    }
}
