namespace Fleet.Agent.Inference;

/// <summary>The inference host could not take over a variant; what served before still serves. The message goes into the report.</summary>
internal sealed class ActivationException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The model it was; null where several were taken over and it is not known which.</summary>
    public string? Model { get; init; }

    /// <summary>True when the host itself did not start: whatever it was to take over is not to blame.</summary>
    public bool HasNoHost { get; init; }
}
