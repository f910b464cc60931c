using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Server.Health;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// A server that was restored from a backup is behind its devices: they were told more than it knows. It goes on above the revisions and
/// versions that they report, takes nothing back from them, and says so.
/// </summary>
internal sealed partial class RestoredServer(
    IReleaseEnvelopes releases, ServerHealth health, TimeProvider time, ILogger<RestoredServer> logger) : IDeviceEnd
{
    private const string HealthSubject = "restored";
    private const int Examples = 5;

    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private readonly ConcurrentDictionary<DeviceId, string> _unknown = new();

    /// <summary>What the device should run after it said what it has; the same instance when it is not ahead.</summary>
    public async Task<DeviceDesired> CatchUpAsync(
        DeviceId device, DeviceDesired desired, ReportedState reported, CancellationToken cancellationToken)
    {
        var known = new HashSet<(string, int)>();
        var unknown = new List<string>();
        foreach (var model in reported.Models)
        {
            if (model.ActiveVersion is not { } version) continue;
            if (await releases.FindAsync(model.Model, version, cancellationToken) is not null) known.Add((model.Model, version));
            else unknown.Add($"{model.Model} {version}");
        }
        Tell(device, unknown);
        var caught = RestoreRules.CatchUp(desired, reported, (model, version) => known.Contains((model, version)), _startedAt);
        if (!ReferenceEquals(caught, desired)) LogAhead(device, reported.Revision, desired.Revision);
        return caught;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
    {
        Tell(device, []);
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    private void Tell(DeviceId device, List<string> unknown)
    {
        if (unknown.Count > 0) _unknown[device] = string.Join(", ", unknown);
        else if (!_unknown.TryRemove(device, out _)) return;
        if (_unknown.IsEmpty) health.Clear(HealthSubject);
        else health.Report(HealthSubject, $"{_unknown.Count} devices serve releases that are not stored here ("
            + $"{string.Join("; ", _unknown.Take(Examples).Select(each => $"{each.Key}: {each.Value}"))}): this server was restored from "
            + $"an older backup. They go on serving them until their next order; new releases are numbered above.");
    }

    [LoggerMessage(LogLevel.Warning,
        "Device {Device} is at revision {Reported}, and this server knows {Known}: it was restored from a backup and goes on above")]
    private partial void LogAhead(DeviceId device, long reported, long known);
}
