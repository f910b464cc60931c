using System.Diagnostics;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Quantization.Proof;

/// <summary>What the agent's validation said of a model.</summary>
/// <param name="Scores">Accuracy, where there are labels.</param>
/// <param name="Values">All float outputs of all samples, output by output in the order of their names.</param>
internal sealed record AgentOutputs(Scores Scores, float[] Values);

/// <summary>Runs <c>fleet-agent validate</c>, natively or under an emulator, and reads what it found.</summary>
internal static class AgentRun
{
    /// <summary>Most bytes of outputs that are read back.</summary>
    private const long MaximumOutputBytes = 4L << 30;

    /// <summary>Characters of what a process that died had written that are told.</summary>
    private const int ToldCharacters = 400;

    /// <summary>
    /// Longest an emulated run may take: some hundred times the native time, and native runs of a validation set take seconds.
    /// </summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(30);

    /// <summary>Runs one validation.</summary>
    /// <param name="command">The program and the arguments before the verb.</param>
    /// <param name="request">What is asked; it must ask for outputs.</param>
    /// <param name="cancellationToken">Kills the process.</param>
    /// <exception cref="InvalidDataException">The model did not run there; the message says why.</exception>
    public static async Task<AgentOutputs> RunAsync(
        IReadOnlyList<string> command, ValidationRequest request, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Deadline);
        using var process = Process.Start(new ProcessStartInfo(command[0], [.. command.Skip(1), "validate"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["ORT_DISABLE_TELEMETRY"] = "1" },
        }) ?? throw new InvalidDataException($"{command[0]} could not be started.");
        try
        {
            var complaints = process.StandardError.ReadToEndAsync(limit.Token);
            var answer = process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.StandardInput.WriteLineAsync(
                JsonSerializer.Serialize(request, FleetJson.Default.ValidationRequest).AsMemory(), limit.Token);
            await process.StandardInput.FlushAsync(limit.Token);
            // Standard input stays open: its end would end the process.
            await process.WaitForExitAsync(limit.Token);
            return Read(process.ExitCode, await answer, await complaints, request);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidDataException($"It did not finish within {Deadline.TotalMinutes:0} minutes; give fewer samples.");
        }
        catch (IOException e) when (process.HasExited)
        {
            throw new InvalidDataException($"The process ended before it was asked (code {process.ExitCode}): {e.Message}", e);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static AgentOutputs Read(int code, string answer, string complaints, ValidationRequest request)
    {
        ValidationReply? reply = null;
        try
        {
            if (code == 0) reply = JsonSerializer.Deserialize(answer, FleetJson.Default.ValidationReply);
        }
        catch (JsonException)
        {
            // Told below, with what it wrote.
        }
        if (reply is null)
            throw new InvalidDataException(
                $"The process ended with code {code} and no answer. It wrote: {Told(complaints.Length > 0 ? complaints : answer)}");
        if (reply.Scores is not { } scores) throw new InvalidDataException(reply.Detail);
        if (!File.Exists(request.OutputsPath))
            throw new InvalidDataException(
                $"This fleet-agent keeps no outputs: it is older than this program. {Emulation.Remedy} makes a new one.");
        using var file = File.OpenRead(request.OutputsPath);
        return new AgentOutputs(scores,
            [
                .. NpzArchive.Read(file, MaximumOutputBytes).OrderBy(array => array.Key, StringComparer.Ordinal)
                    .SelectMany(array => array.Value.ToSingles()),
            ]);
    }

    private static string Told(string text)
        => text.Trim() is { Length: > 0 } said ? said.Length > ToldCharacters ? said[..ToldCharacters] + "…" : said : "nothing";
}
