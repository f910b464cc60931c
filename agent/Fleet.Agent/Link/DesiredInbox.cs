using System.Buffers;
using System.Text.Json;
using Fleet.Agent.Orders;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Link;

/// <summary>
/// Reads desired states as they arrive. A malformed one is logged, and the last good one stays. One that finds no space on the disk is kept
/// in memory and tried again: the server sends it once in each connection, and may have withdrawn with it what serves.
/// </summary>
internal sealed partial class DesiredInbox(OrderGate gate, TimeProvider time, ILogger<DesiredInbox> logger) : IDisposable
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    /// <summary>The newest that could not be stored; null when there is none.</summary>
    private DesiredState? _unstored;
    private ITimer? _again;

    /// <summary>Takes the payload of one message.</summary>
    public void Receive(ReadOnlySequence<byte> payload)
    {
        if (Read(payload, out var problem) is { } state)
        {
            lock (_lock) Take(state);
        }
        else LogRefused(problem);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _unstored = null;
            _again?.Dispose();
        }
    }

    private void Take(DesiredState state)
    {
        var refused = gate.Receive(state);
        var isUnstored = refused?.Fault == OrderFault.NotStored;
        // What the gate refuses for another reason says nothing about one that waits.
        if ((isUnstored || refused is null) && !(_unstored?.Place() > state.Place())) _unstored = isUnstored ? state : null;
        else if (ReferenceEquals(_unstored, state)) _unstored = null;
        if (_unstored is null) return;
        _again ??= time.CreateTimer(_ => TakeAgain(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _again.Change(AfterTrouble, Timeout.InfiniteTimeSpan);
    }

    private void TakeAgain()
    {
        lock (_lock)
        {
            if (_unstored is { } state) Take(state);
        }
    }

    /// <summary>The desired state in a payload, or null and what is wrong with it. Pure.</summary>
    internal static DesiredState? Read(ReadOnlySequence<byte> payload, out string problem)
    {
        problem = "";
        if (payload.Length > Limits.DesiredStateBytes)
        {
            problem = $"it has {payload.Length:N0} bytes; at most {Limits.DesiredStateBytes:N0} are read";
            return null;
        }
        try
        {
            var reader = new Utf8JsonReader(payload);
            var state = JsonSerializer.Deserialize(ref reader, WireJson.Default.DesiredState);
            problem = state is null ? "it is empty" : ProblemOf(state);
            return problem.Length == 0 ? state : null;
        }
        catch (JsonException e)
        {
            problem = e.Message;
            return null;
        }
    }

    private static string ProblemOf(DesiredState state)
    {
        var models = state.Assignments.Select(assignment => assignment.Model).ToArray();
        if (state.Revision < 0) return $"revision {state.Revision} is below 0";
        if (models.Length > Limits.ModelsPerDevice)
            return $"it assigns {models.Length} models; at most {Limits.ModelsPerDevice} run on a device";
        if (!models.All(Names.IsName)) return $"a model name is not {Names.Rule}";
        return models.Distinct().Count() == models.Length ? "" : "a model is assigned twice";
    }

    [LoggerMessage(LogLevel.Error, "A desired state from the server is refused and the last good one stays: {Problem}.")]
    private partial void LogRefused(string problem);
}
