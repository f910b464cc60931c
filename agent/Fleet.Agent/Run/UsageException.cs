namespace Fleet.Agent.Run;

/// <summary>Something on the command line is wrong. The message says what it should be.</summary>
internal sealed class UsageException(string message) : Exception(message);
