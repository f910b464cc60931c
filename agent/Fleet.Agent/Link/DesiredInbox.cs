using System.Buffers;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Link;

/// <summary>Reads desired states as they arrive. One that does not read as one is logged, and the last good one stays.</summary>
internal sealed partial class DesiredInbox(DesiredSlot slot, ILogger<DesiredInbox> logger)
{
    /// <summary>Takes the payload of one message.</summary>
    public void Receive(ReadOnlySequence<byte> payload)
    {
        if (Read(payload, out var problem) is { } state) slot.Set(state);
        else LogRefused(problem);
    }

    /// <summary>The desired state in a payload, or null and what is wrong with it. Pure.</summary>
    internal static DesiredState? Read(ReadOnlySequence<byte> payload, out string problem)
    {
        problem = "";
        if (payload.Length > Limits.DesiredStateBytes)
        {
            problem = $"it has {payload.Length} bytes; at most {Limits.DesiredStateBytes} are read";
            return null;
        }
        try
        {
            var reader = new Utf8JsonReader(payload);
            if (JsonSerializer.Deserialize(ref reader, FleetJson.Default.DesiredState) is not { } state) problem = "it is empty";
            else if (state.Revision < 0) problem = $"revision {state.Revision} is below 0";
            else if (state.Assignments.Count > Limits.ModelsPerDevice) problem = $"it assigns {state.Assignments.Count} models; at most {Limits.ModelsPerDevice} run on a device";
            else if (state.Assignments.FirstOrDefault(assignment => !Names.IsName(assignment.Model)) is not null) problem = $"a model name is not {Names.Rule}";
            else if (state.Assignments.DistinctBy(assignment => assignment.Model).Count() != state.Assignments.Count) problem = "a model is assigned twice";
            else return state;
        }
        catch (JsonException e)
        {
            problem = e.Message;
        }
        return null;
    }

    [LoggerMessage(LogLevel.Error, "A desired state from the server is refused, and the last good one stays: {Problem}.")]
    private partial void LogRefused(string problem);
}
