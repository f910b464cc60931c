namespace Fleet.Agent.Inference;

/// <summary>A request that cannot be answered: the status and the sentence the client gets.</summary>
internal sealed class InferenceException(int status, string message) : Exception(message)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The request is wrong; sending it again will not help.</summary>
    public static InferenceException Malformed(string message) => new(400, message);
}
