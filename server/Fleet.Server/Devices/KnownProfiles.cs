using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// The hardware profiles this server knows: the built-in ones, and those that came with released models. A device belongs to one
/// of them by what it is, so that a profile counts for the whole fleet once something was released for it.
/// </summary>
internal sealed class KnownProfiles(IFleetStore store)
{
    /// <summary>Profiles of people's own that are kept; a server with more has forgotten what a profile is for.</summary>
    private const int MaximumKept = 1000;

    /// <summary>All of them.</summary>
    public async Task<IReadOnlyList<HardwareProfile>> AllAsync(CancellationToken cancellationToken)
    {
        var released = await store.ListAsync<ReleasedProfile>("", null, MaximumKept, cancellationToken);
        return released.Count == 0 ? BuiltInProfiles.All : [.. BuiltInProfiles.All, .. released.Select(stored => stored.Document.Profile)];
    }

    /// <summary>The changes that make profiles of a release known; of two with one name the newer holds.</summary>
    public async Task<IReadOnlyList<StoreChange>> ChangesForAsync(
        IReadOnlyList<HardwareProfile> profiles, CancellationToken cancellationToken)
    {
        var changes = new List<StoreChange>();
        foreach (var profile in profiles)
        {
            var stored = await store.FindAsync<ReleasedProfile>(profile.Name, cancellationToken);
            if (stored is null) changes.Add(StoreChange.Create(profile.Name, new ReleasedProfile(profile)));
            else if (!Same(stored.Document.Profile, profile)) changes.Add(stored.Change(new ReleasedProfile(profile)));
        }
        return changes;
    }

    /// <summary>Gives every device the profile that is now its own. A device that reports meanwhile is given it by its report.</summary>
    public async Task ReviewDevicesAsync(CancellationToken cancellationToken)
    {
        var profiles = await AllAsync(cancellationToken);
        await foreach (var device in store.DevicesAsync(DeviceFilter.All, null, cancellationToken))
        {
            if (device.Document.With(device.Document.Facts, profiles).Profile != device.Document.Profile)
                await store.UpdateAsync<Device>(device.Id, now => now.With(now.Facts, profiles), cancellationToken);
        }
    }

    /// <summary>Records compare their lists by reference; what is stored is what counts.</summary>
    private static bool Same(HardwareProfile left, HardwareProfile right)
        => JsonSerializer.SerializeToUtf8Bytes(left, FleetJson.Default.HardwareProfile).AsSpan().SequenceEqual(
            JsonSerializer.SerializeToUtf8Bytes(right, FleetJson.Default.HardwareProfile));
}

/// <summary>A profile of people's own as it is stored, under its name.</summary>
/// <param name="Profile">The profile.</param>
internal sealed record ReleasedProfile(HardwareProfile Profile);
