using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>The desired state accepted last, on disk: a deployment goes on after a restart although the server cannot be reached.</summary>
internal sealed partial class DesiredFile
{
    private readonly DataFolder _folder;
    private volatile DesiredState? _accepted;

    /// <summary>Reads what was accepted.</summary>
    public DesiredFile(DataFolder folder, ILogger<DesiredFile> logger)
    {
        _folder = folder;
        if (DurableFile.Read(folder.Desired) is not { } content) return;
        try { _accepted = JsonSerializer.Deserialize(content, FleetJson.Default.DesiredState); }
        catch (JsonException e) { LogUnreadable(logger, folder.Desired, e.Message); }
    }

    /// <summary>What was accepted last; null before the first.</summary>
    public DesiredState? Accepted => _accepted;

    /// <summary>Its revision; 0 before the first.</summary>
    public long Revision => _accepted?.Revision ?? 0;

    /// <summary>Keeps a desired state.</summary>
    public void Accept(DesiredState desired)
    {
        DurableFile.Write(_folder.Desired, JsonSerializer.SerializeToUtf8Bytes(desired, FleetJson.Default.DesiredState));
        _accepted = desired;
    }

    [LoggerMessage(LogLevel.Error, "{Path} does not read as a desired state ({Reason}); the server's next one replaces it.")]
    private static partial void LogUnreadable(ILogger logger, string path, string reason);
}
