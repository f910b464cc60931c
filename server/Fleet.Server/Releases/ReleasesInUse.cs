using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// On which devices that a caller sees each release serves, as they said last; releases as operators see them follow from it.
/// </summary>
internal sealed class ReleasesInUse
{
    private const int Examples = 20;

    private readonly Dictionary<(string Model, int Version), (int Count, List<DeviceId> First)> _serving = [];
    private readonly Dictionary<(string Model, int Version), bool> _withdrawn = [];

    /// <summary>A release as operators see it.</summary>
    public ReleaseView ViewOf(Release release)
    {
        var (count, first) = _serving.GetValueOrDefault((release.Model, release.Version));
        return new ReleaseView
        {
            Manifest = release.ReadManifest(),
            KeyId = release.KeyId,
            WithdrawnAt = release.WithdrawnAt,
            KeepServing = _withdrawn.GetValueOrDefault((release.Model, release.Version)),
            StillServing = release.WithdrawnAt is null ? null : first ?? [],
            ActiveDevices = count,
        };
    }

    /// <summary>A sentence for each withdrawn release that still serves somewhere.</summary>
    public IEnumerable<string> Withdrawn()
        => from release in _withdrawn
           where _serving.ContainsKey(release.Key)
           let use = _serving[release.Key]
           orderby release.Key
           select $"{release.Key.Model} {release.Key.Version} was withdrawn and still serves on {Said(use)}"
               + (release.Value ? ", until another release takes its place." : ".");

    /// <summary>Reads what devices said last, and how releases were withdrawn.</summary>
    public static async Task<ReleasesInUse> ReadAsync(IFleetStore store, Caller caller, CancellationToken cancellationToken)
    {
        var inUse = new ReleasesInUse();
        await foreach (var withdrawal in store.AllAsync<Withdrawal>("", cancellationToken))
        {
            var release = withdrawal.Document.Release;
            inUse._withdrawn[(release.Model, release.Version)] = release.KeepServing;
        }
        await foreach (var device in store.AllAsync<DeviceReported>("", cancellationToken))
        {
            if (caller.IsLimited && await store.DeviceAsync(caller, device.Id, cancellationToken) is null) continue;
            foreach (var model in device.Document.State.Models)
            {
                if (model.ActiveVersion is { } version) inUse.Count((model.Model, version), device.Id);
            }
        }
        return inUse;
    }

    private static string Said((int Count, List<DeviceId> First) use)
        => string.Join(", ", use.First) + (use.Count > use.First.Count ? $" and {use.Count - use.First.Count} more" : "");

    private void Count((string Model, int Version) release, string device)
    {
        var (count, first) = _serving.TryGetValue(release, out var known) ? known : (0, []);
        if (first.Count < Examples && DeviceId.TryParse(device, out var id)) first.Add(id);
        _serving[release] = (count + 1, first);
    }
}
