using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Rollouts;

/// <summary>Which device is told when. Pure and deterministic: the same selection and plan give the same waves.</summary>
internal static class WaveMembership
{
    /// <summary>
    /// The order devices are told in: by a hash of release and device, so that a wave is spread over sites and names instead of
    /// taking every <c>berlin-…</c> first, and so that another release meets other devices first. Trying the same release again
    /// meets the same devices first: those that have it already.
    /// </summary>
    public static IReadOnlyList<DeviceId> Order(string model, int version, IEnumerable<DeviceId> devices)
        => [.. devices.Select(device => (Device: device, Place: PlaceOf(model, version, device)))
            .OrderBy(pair => pair.Place).ThenBy(pair => pair.Device.Value, StringComparer.Ordinal).Select(pair => pair.Device)];

    /// <summary>
    /// Where each wave ends in that order (cumulative, exclusive). Percentages round up, and a wave by percentage has at least one
    /// device while any remain; 100 % takes the rest. A count beyond the selection leaves the wave what remains, perhaps nothing.
    /// </summary>
    public static IReadOnlyList<int> Ends(IReadOnlyList<WavePlan> waves, int devices)
    {
        var ends = new int[waves.Count];
        var end = 0;
        for (var i = 0; i < waves.Count; i++)
        {
            // Decimal: 7 % of 100 is 7.000000000000001 in doubles, and would round up to 8.
            var wanted = waves[i].Percent is { } percent
                ? Math.Max((int)Math.Ceiling(devices * (decimal)percent / 100), end + 1)
                : waves[i].Count ?? 0;
            ends[i] = end = Math.Clamp(wanted, end, devices);
        }
        return ends;
    }

    private static ulong PlaceOf(string model, int version, DeviceId device)
        => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes($"{model}/{version}/{device}")));
}
