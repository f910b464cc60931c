using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Fleet.Agent.Children;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Validation;

/// <summary>
/// Has a child process measure a variant on this device, and judges the result. The child may crash, hang or take too much memory: each
/// is an answer, and none of them affects the agent or what serves.
/// </summary>
internal sealed partial class ValidationRunner(ValidationOptions options, TimeProvider time, ILogger<ValidationRunner> logger)
{
    /// <summary>What a model may take that is only timed: it is small, and does not keep what serves waiting.</summary>
    private static readonly ValidationGate TimingGate = new()
    {
        Deadline = TimeSpan.FromSeconds(30),
        MaximumMemoryBytes = 256 * 1024 * 1024,
    };

    /// <summary>Validates one variant of <paramref name="manifest"/> whose file is <paramref name="modelPath"/>.</summary>
    public async Task<ValidationOutcome> RunAsync(
        string modelPath, string validationSetPath, Variant variant, ReleaseManifest manifest, CancellationToken cancellationToken)
    {
        var request = new ValidationRequest(
            modelPath, validationSetPath, variant.Runtime, manifest.Outputs, variant.Gate.MaximumMemoryBytes,
            Task: manifest.Task, Detection: manifest.Detection, LabelUnit: variant.Expected.Find(Metric.RootMeanSquareError.Name)?.Unit);
        return await RunAsync(
            $"{manifest.Model} {manifest.Version} {variant.Id}", request, variant.Gate, ProcessPriorityClass.Normal, cancellationToken);
    }

    /// <summary>Times a model that is not to serve, at a lower priority than what does.</summary>
    /// <param name="name">What it is, for the sentences.</param>
    /// <param name="modelPath">Its file.</param>
    /// <param name="samplesPath">What it is run on; labels are not needed.</param>
    /// <param name="runtime">What its session is created with.</param>
    /// <param name="cancellationToken">Ends the child.</param>
    public Task<ValidationOutcome> TimeAsync(
        string name, string modelPath, string samplesPath, RuntimeSettings runtime, CancellationToken cancellationToken) => RunAsync(
            name, new ValidationRequest(modelPath, samplesPath, runtime, [], TimingGate.MaximumMemoryBytes), TimingGate,
            ProcessPriorityClass.BelowNormal, cancellationToken);

    private async Task<ValidationOutcome> RunAsync(
        string name, ValidationRequest request, ValidationGate gate, ProcessPriorityClass priority, CancellationToken cancellationToken)
    {
        using var child = Process.Start(ChildProgram.StartInfo("validate"))
            ?? throw new InvalidOperationException($"{ChildProgram.Path} could not be started.");
        // Before it has threads: on Linux they take over what the first one has.
        if (priority != ProcessPriorityClass.Normal) Lower(child, priority);
        var answer = ConverseAsync(child, request);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var memory = WatchMemoryAsync(child.Id, gate.MaximumMemoryBytes, ended.Token);
        var deadline = Task.Delay(gate.Deadline, time, ended.Token);

        var first = await Task.WhenAny(answer, memory, deadline);
        await ended.CancelAsync();
        if (first != answer) child.Kill();
        var reply = await answer;
        cancellationToken.ThrowIfCancellationRequested();
        var outcome = OutcomeOf(name, gate, reply, new ChildExit(child.ExitCode), timedOut: first == deadline, await memory);
        LogOutcome(name, outcome.Failure, outcome.Detail);
        return outcome with { Detail = Limits.Detail(outcome.Detail), ProcessorTime = reply?.ProcessorTime ?? default };
    }

    private static void Lower(Process child, ProcessPriorityClass priority)
    {
        try
        {
            child.PriorityClass = priority;
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // One that has ended already says so by its exit, and one whose priority may not be set is worth measuring all the same.
        }
    }

    /// <summary>What it means that a validation ended like this. Pure.</summary>
    /// <param name="name">The variant, for the sentences.</param>
    /// <param name="gate">What it must keep.</param>
    /// <param name="reply">What the child said; null when it said nothing.</param>
    /// <param name="exit">How the child ended.</param>
    /// <param name="timedOut">True when the gate's deadline passed first.</param>
    /// <param name="exceededBytes">Resident memory that was seen above the gate's limit.</param>
    internal static ValidationOutcome OutcomeOf(
        string name, ValidationGate gate, ValidationReply? reply, ChildExit exit, bool timedOut, long? exceededBytes)
        => (reply, exit) switch
        {
            _ when timedOut => new(
                null, DeploymentFailure.ValidationTimedOut, $"The validation of {name} did not finish within {gate.Deadline}."),
            _ when exceededBytes is { } bytes => new(
                null,
                DeploymentFailure.MemoryExceeded,
                $"The validation of {name} took {bytes >> 20:N0} MiB of memory; {gate.MaximumMemoryBytes >> 20:N0} MiB are allowed."),
            // What it said before it died does not count: a variant that takes the process down at its end would do so while serving.
            (null, _) or (_, { Code: not 0 }) => new(
                null, DeploymentFailure.ValidationCrashed, $"The validation process of {name} {exit}."),
            ({ Scores: { } scores }, _) => gate.Judge(scores) is { Passed: false } verdict
                ? new(scores, DeploymentFailure.GateMissed, string.Join(' ', verdict.Reasons))
                : new(scores, DeploymentFailure.None, ""),
            _ => new(null, reply.Failure, reply.Detail),
        };

    /// <summary>Sends the request and waits for the reply and the child's end. The child's input stays open until then.</summary>
    private async Task<ValidationReply?> ConverseAsync(Process child, ValidationRequest request)
    {
        var log = ForwardLogAsync(child);
        ValidationReply? reply = null;
        try
        {
            byte[] sent = [.. JsonSerializer.SerializeToUtf8Bytes(request, WireJson.Default.ValidationRequest), (byte)'\n'];
            await child.StandardInput.BaseStream.WriteAsync(sent);
            await child.StandardInput.BaseStream.FlushAsync();
            var output = child.StandardOutput.BaseStream;
            await foreach (var line in JsonLines.ReadAsync(output, ValidationReply.MaximumBytes, CancellationToken.None))
                reply = JsonSerializer.Deserialize(line.Span, WireJson.Default.ValidationReply);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or JsonException)
        {
            LogUnreadable(e, child.Id);
            child.Kill();
            reply = null;
        }
        await log;
        await child.WaitForExitAsync();
        return reply;
    }

    private async Task ForwardLogAsync(Process child)
    {
        while (await child.StandardError.ReadLineAsync() is { } line) ChildLog.Forward(logger, line);
    }

    /// <summary>Completes with the child's peak memory once that is above the limit; with null when it was told to stop before.</summary>
    private async Task<long?> WatchMemoryAsync(int processId, long? maximumBytes, CancellationToken cancellationToken)
    {
        try
        {
            if (maximumBytes is null) await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
            using var timer = new PeriodicTimer(options.MemoryInterval, time);
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (ProcessMemory.PeakResident(processId) is { } peak && peak > maximumBytes) return peak;
            }
        }
        catch (OperationCanceledException)
        {
            // The validation has ended.
        }
        return null;
    }

    [LoggerMessage(LogLevel.Information, "Validation of {Variant}: {Failure}. {Detail}")]
    private partial void LogOutcome(string variant, DeploymentFailure failure, string detail);

    [LoggerMessage(LogLevel.Warning, "The validation process {ProcessId} gave no readable answer and is killed.")]
    private partial void LogUnreadable(Exception exception, int processId);
}
