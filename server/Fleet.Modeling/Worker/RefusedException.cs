namespace Fleet.Modeling.Worker;

/// <summary>The server refused what it was sent, for good: the same again would be refused again.</summary>
internal sealed class RefusedException(string message) : Exception(message);
