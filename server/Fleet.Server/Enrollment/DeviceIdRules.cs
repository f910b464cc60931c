using Fleet.Contracts.Devices;

namespace Fleet.Server.Enrollment;

/// <summary>Which ids a new device may take. Stricter than what is read: ids given by earlier versions stay. Pure.</summary>
internal static class DeviceIdRules
{
    /// <summary>Why a new device may not take <paramref name="device"/>; null when it may.</summary>
    /// <param name="device">The id.</param>
    /// <param name="serverNames">The names in the server's certificate: a device's must not look like it.</param>
    public static string? ProblemOf(DeviceId device, IEnumerable<string> serverNames)
    {
        var id = device.Value;
        if (id is ['-', ..] or [.., '-']) return $"Device id '{id}' must not begin or end with '-'.";
        return serverNames.Contains(id, StringComparer.OrdinalIgnoreCase)
            ? $"Device id '{id}' is a name of the server: choose another."
            : null;
    }
}
