namespace Fleet.Agent.Inference;

/// <summary>The inference host could not take a variant over; what served before serves on. The message is a sentence for the report.</summary>
internal sealed class ActivationException(string message, Exception? cause = null) : Exception(message, cause);
