using System.Text.Json;
using Fleet.Agent.Children;
using Fleet.Agent.Inference;
using Fleet.Contracts;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Validation;

/// <summary>The hidden verb <c>validate</c>: measures one variant, says what it found and ends.</summary>
internal static class ValidationProgram
{
    /// <summary>Reads one <see cref="ValidationRequest"/> from standard input and writes one <see cref="ValidationReply"/>.</summary>
    public static async Task<int> RunAsync(string[] args, CancellationToken cancellationToken)
    {
        if (args.Length > 0 || !ChildStreams.StartedByAgent) return await ChildStreams.RefuseAsync("validate");
        using var streams = ChildStreams.Open();
        // Not disposed: it is read until the process ends.
        var lines = JsonLines.ReadAsync(streams.Input, ValidationReply.MaximumBytes, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        if (!await lines.MoveNextAsync()) return 1;
        var request = JsonSerializer.Deserialize(lines.Current.Span, WireJson.Default.ValidationRequest)!;
        _ = EndWithAgentAsync(lines);

        await streams.WriteAsync(Measure(request, streams.LoggerProvider.CreateLogger("")), WireJson.Default.ValidationReply);
        return 0;
    }

    private static ValidationReply Measure(ValidationRequest request, ILogger logger)
    {
        MemoryLimit.BeKilledFirst();
        if (request.MaximumMemoryBytes is { } bytes) MemoryLimit.Set(bytes);
        try
        {
            // The model first: what it needs to load is what it needs, whatever the samples take.
            using var session = OnnxSession.Open(request.ModelPath, request.Runtime, logger);
            var (scores, processor) = request.OutputsPath is null
                ? Timed(session, request) : (VariantOutputs.Write(session, request), TimeSpan.Zero);
            return new ValidationReply(
                scores with { PeakMemoryBytes = ProcessMemory.PeakResident(Environment.ProcessId) }, ProcessorTime: processor);
        }
        catch (ModelRefusedException e)
        {
            return request.MaximumMemoryBytes is { } limit && MemoryLimit.IsCauseOf(e)
                ? OutOfMemory("variant", limit, $" {e.Message}")
                : new ValidationReply(null, DeploymentFailure.LoadFailed, e.Message);
        }
        catch (OutOfMemoryException) when (request.MaximumMemoryBytes is { } limit)
        {
            return OutOfMemory("validation", limit);
        }
        catch (Exception e) when (request.OutputsPath is not null && e is IOException or UnauthorizedAccessException)
        {
            return new ValidationReply(null, DeploymentFailure.DiskFull, $"The outputs could not be written: {e.Message}");
        }
    }

    private static (Scores Scores, TimeSpan ProcessorTime) Timed(OnnxSession session, ValidationRequest request)
    {
        using var samples = ValidationSamples.Open(request.ValidationSetPath, session.Inputs, request.Task);
        return VariantMeasurement.Run(session, samples, VariantJudge.Of(request, session, samples));
    }

    private static ValidationReply OutOfMemory(string what, long limit, string cause = "") => new(
        null,
        DeploymentFailure.MemoryExceeded,
        $"The {what} could not get the memory that it asked for; {limit >> 20:N0} MiB are allowed.{cause}");

    /// <summary>
    /// Standard input stays open as long as the agent lives. A run inside native code cannot be interrupted, but the process can end.
    /// </summary>
    private static async Task EndWithAgentAsync(IAsyncEnumerator<ReadOnlyMemory<byte>> lines)
    {
        while (await lines.MoveNextAsync())
        {
            // Nothing more is expected.
        }
        Environment.Exit(1);
    }
}
