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
    /// The order devices are told in: by a hash of releases and device, so that a wave is spread over sites and names instead of
    /// taking every <c>berlin-…</c> first, and so that another release meets other devices first. Trying the same release again
    /// meets the same devices first: those that have it already.
    /// </summary>
    /// <param name="releases">What is rolled out: <c>model/version</c>, several joined by <c>+</c>.</param>
    /// <param name="devices">To whom.</param>
    public static IReadOnlyList<DeviceId> Order(string releases, IEnumerable<DeviceId> devices)
        => [.. devices.Select(device => (Device: device, Place: PlaceOf(releases, device)))
            .OrderBy(pair => pair.Place).ThenBy(pair => pair.Device.Value, StringComparer.Ordinal).Select(pair => pair.Device)];

    /// <summary>
    /// Where each wave ends in that order (cumulative, exclusive). Percentages round up, and a wave by percentage has at least one
    /// device while any remain; 100 % takes the rest. A count beyond the selection leaves the wave what remains, perhaps nothing.
    /// </summary>
    public static IReadOnlyList<int> Ends(IReadOnlyList<WavePlan> waves, int devices)
    {
        var ends = new int[waves.Count];
        var end = 0;
        for (var i = 0; i < waves.Count; i++) ends[i] = end = EndOf(waves[i], devices, end);
        return ends;
    }

    /// <summary>
    /// The order with the devices of waves by filter moved to where their wave is, and where each wave ends in it. A wave by filter takes
    /// whom it selects of those that no earlier wave has taken; percentages and counts go on counting everybody.
    /// </summary>
    public static (IReadOnlyList<DeviceId> Order, IReadOnlyList<int> Ends) Arrange(
        IReadOnlyList<WavePlan> waves, IReadOnlyList<DeviceId> devices, Func<WavePlan, DeviceId, bool> selects)
    {
        if (waves.All(wave => wave.Filter is null)) return (devices, Ends(waves, devices.Count));
        var (order, ends, remaining) = (new List<DeviceId>(), new List<int>(), devices.ToList());
        foreach (var wave in waves)
        {
            var taken = wave.Filter is null
                ? remaining.Take(EndOf(wave, devices.Count, order.Count) - order.Count).ToHashSet()
                : remaining.Where(device => selects(wave, device)).ToHashSet();
            order.AddRange(remaining.Where(taken.Contains));
            remaining.RemoveAll(taken.Contains);
            ends.Add(order.Count);
        }
        return ([.. order, .. remaining], ends);
    }

    /// <summary>
    /// The order with the devices of every group spread over it evenly, so that a budget for each group seldom holds up the others.
    /// </summary>
    public static IReadOnlyList<DeviceId> Spread(IReadOnlyList<DeviceId> order, Func<DeviceId, string> groupOf)
        => [.. order.Index().GroupBy(member => groupOf(member.Item)).SelectMany(group => group.Index().Select(
                member => (Member: member.Item, Place: (member.Index + 0.5) / group.Count())))
            .OrderBy(placed => placed.Place).ThenBy(placed => placed.Member.Index).Select(placed => placed.Member.Item)];

    private static int EndOf(WavePlan wave, int devices, int end)
    {
        // Decimal: 7 % of 100 is 7.000000000000001 in doubles, and would round up to 8.
        var wanted = wave.Percent is { } percent
            ? Math.Max((int)Math.Ceiling(devices * (decimal)percent / 100), end + 1)
            : wave.Count ?? 0;
        return Math.Clamp(wanted, end, devices);
    }

    private static ulong PlaceOf(string releases, DeviceId device)
        => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes($"{releases}/{device}")));
}
