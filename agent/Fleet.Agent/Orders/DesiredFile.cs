using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Orders;

/// <summary>The last accepted desired state, on disk: after a restart a deployment continues even without the server.</summary>
internal sealed partial class DesiredFile
{
    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private volatile DesiredState? _accepted;

    /// <summary>Reads the desired state that an earlier run accepted.</summary>
    public DesiredFile(DataFolder folder, DeviceCredentials credentials, ILogger<DesiredFile> logger)
    {
        _folder = folder;
        if (DurableFile.Read(folder.Desired) is not { } content) return;
        try { _accepted = Begun(JsonSerializer.Deserialize(content, WireJson.Default.DesiredState), credentials.Root); }
        catch (JsonException e) { LogUnreadable(logger, folder.Desired, e.Message); }
    }

    /// <summary>The last accepted desired state; null before the first.</summary>
    public DesiredState? Accepted => _accepted;

    /// <summary>Its revision; 0 before the first.</summary>
    public long Revision => _accepted?.Revision ?? 0;

    /// <summary>Its place among orders; (0, 0) before the first.</summary>
    public OrderPlace Place => _accepted?.Place() ?? default;

    /// <summary>
    /// What another fleet ordered, before the device was enrolled here, is wanted until this one says otherwise, and stands before all its
    /// orders: their revisions do not compare.
    /// </summary>
    private static DesiredState? Begun(DesiredState? accepted, TrustRoot? root)
        => root is not null && accepted?.Order is { } order && OrderVerifier.Read(order)?.Fleet is { } fleet && fleet != root.Fleet
            ? accepted with { Revision = 0, Order = null }
            : accepted;

    /// <summary>Stores a desired state.</summary>
    public void Accept(DesiredState desired) => Change(_ => desired);

    /// <summary>Stores the desired state as it is after a change, and returns it.</summary>
    public DesiredState Change(Func<DesiredState?, DesiredState> change)
    {
        lock (_lock)
        {
            var desired = change(_accepted);
            DurableFile.Write(_folder.Desired, JsonSerializer.SerializeToUtf8Bytes(desired, WireJson.Default.DesiredState));
            return _accepted = desired;
        }
    }

    [LoggerMessage(LogLevel.Error, "{Path} is not a readable desired state ({Reason}); the server's next one replaces it.")]
    private static partial void LogUnreadable(ILogger logger, string path, string reason);
}
