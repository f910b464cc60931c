namespace Fleet.Agent.Disk;

/// <summary>Another agent uses the data folder.</summary>
internal sealed class FolderInUseException(string message) : IOException(message);
