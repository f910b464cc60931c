using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Platform;

namespace Fleet.Cli.Processes;

/// <summary>
/// Runs <c>fleet-quantize</c>, or <c>fleet-modeling</c>, on a request and shows how far it is. Models come from anywhere: what one does to
/// native code, or to memory, ends that process, and this one says so in a sentence.
/// </summary>
/// <param name="shell">Where progress goes.</param>
/// <param name="subject">File name of the model, for messages.</param>
internal sealed class ModelProgram(Shell shell, string subject)
{
    /// <summary>Path of the program; the one that quantizes when left out.</summary>
    public string? Program { get; init; }

    /// <summary>Tells it who started it, so that it notices a starter that was gone before it looked.</summary>
    private const string StarterVariable = "FLEET_QUANTIZE_STARTER";

    /// <summary>How native code and .NET say that there was no memory left.</summary>
    private static readonly string[] OutOfMemory = ["bad_alloc", "OutOfMemory", "out of memory"];

    /// <summary>How long it may take to end in order before it is killed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Lines of standard error that are kept.</summary>
    private const int MaximumComplaints = 200;

    /// <summary>What a program that was ended by a signal gives as its code, less the signal.</summary>
    private const int Signalled = 128;

    /// <summary>Bytes that it may take, for the message of a crash; null where nothing limits it.</summary>
    public long? Memory { get; init; }

    /// <summary>Runs it to its end.</summary>
    /// <param name="title">What is done, for a person.</param>
    /// <param name="verb">Its verb.</param>
    /// <param name="request">What it is to do; it reads it from a file.</param>
    /// <param name="type">How the request is written.</param>
    /// <param name="arguments">What follows the request's file.</param>
    /// <param name="cancellationToken">Asks it to end.</param>
    /// <returns>0, or 1 with what it said on standard error.</returns>
    /// <exception cref="FleetException">It crashed.</exception>
    public async Task<(int Code, IReadOnlyList<string> Complaints)> RunAsync<T>(
        string title, string verb, T request, JsonTypeInfo<T> type, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, JsonSerializer.SerializeToUtf8Bytes(request, type), cancellationToken);
            var (code, complaints) = await StepBoard.RunAsync(shell, board
                => board.StepAsync(title, step => RunAsync(step, [verb, file, .. arguments], cancellationToken)));
            // Ctrl+C in a terminal reaches it as well, perhaps before this program hears of it.
            if (code == StopSignals.ExitCode) throw new FleetException("Stopped.") { Code = ExitCode.Stopped };
            return code is 0 or 1 ? (code, complaints) : throw new FleetException(Crash(code, complaints));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private async Task<(int Code, IReadOnlyList<string> Complaints)> RunAsync(
        StepBoard.Step step, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Program ?? Installation.Quantize, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Without it a crash of native code is followed by pages of addresses.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment[StarterVariable] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start) ?? throw new FleetException($"{start.FileName} could not be started.");
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
            if (process.ExitCode == 0) step.Result("");
            else step.Failure("ended without success");
            return (process.ExitCode, complaints);
        }
        finally
        {
            if (!process.HasExited) await StopAsync(process);
        }
    }

    private string Crash(int code, IReadOnlyList<string> complaints)
    {
        var limit = Memory is { } bytes ? FormattableString.Invariant($"{bytes / 1e9:0.0} GB") : "all";
        if (complaints.Any(line => OutOfMemory.Any(word => line.Contains(word, StringComparison.OrdinalIgnoreCase))))
            return $"{subject} needs more than the {limit} of memory that it may have; allow more with --memory, or give a smaller model.";
        const string Unhandled = "Unhandled exception. ";
        if (complaints.FirstOrDefault(line => line.StartsWith(Unhandled, StringComparison.Ordinal)) is { } fault)
        {
            return $"{subject} met a fault of this program ({fault[Unhandled.Length..].Trim()}), and nothing was written; "
                + "report it with the model.";
        }
        return code == Signalled + (int)ProcessSignal.Kill
            ? $"The process that worked on {subject} was killed, most likely because this machine ran out of memory; "
                + $"allow less than {limit} with --memory, or give a smaller model."
            : $"{subject} made native code crash (code {code}), and nothing was written; "
                + "check that the model loads in ONNX Runtime, and export it again.";
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
