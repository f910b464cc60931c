using Fleet.Agent.Children;

namespace Fleet.Agent.Inference;

/// <summary>The inference host's process ended before it answered.</summary>
internal sealed class HostDiedException(ChildExit exit) : Exception($"The inference host {exit}.")
{
    /// <summary>How it ended.</summary>
    public ChildExit Exit { get; } = exit;
}
