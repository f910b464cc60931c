namespace Fleet.Agent.Inference;

/// <summary>A model that cannot be loaded or run on this device. The message is a sentence for the report.</summary>
internal sealed class ModelRefusedException(string message, Exception? cause = null) : Exception(message, cause);
