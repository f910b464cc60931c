using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Keys;
using Fleet.Server.Releases;

namespace Fleet.Server.Tests.Devices;

/// <summary>Orders as devices show them, and reports that show one.</summary>
internal static class ShownOrders
{
    /// <summary>An order of this fleet for releases of one model, stored or not.</summary>
    public static async Task<DeviceOrder> OrderAsync(
        this TestFleet fleet, DeviceId device, long revision, DateTimeOffset issuedAt, params OrderedRelease[] releases)
    {
        var root = fleet.Of<FleetKeys>().Root;
        var named = new List<OrderedRelease>();
        foreach (var release in releases)
        {
            var stored = await fleet.Store.FindAsync<Release>(Release.IdOf(release.Model, release.Version), default);
            named.Add(release with { Sha256 = stored?.Document.Envelope.Digest() ?? DigestOf(release) });
        }
        return new DeviceOrder
        {
            Fleet = root.Fleet,
            Device = device,
            Epoch = root.OrderEpoch,
            Revision = revision,
            IssuedAt = issuedAt,
            ExpiresAt = issuedAt.AddDays(90),
            Assignments = named,
        };
    }

    /// <summary>An order of this fleet.</summary>
    public static DsseEnvelope Signed(this TestFleet fleet, DeviceOrder order) => fleet.Of<FleetKeys>().SignOrder(order)!;

    /// <summary>A device says what it is at and what it serves, and may show an order.</summary>
    public static Task SayAsync(
        this TestFleet fleet, DeviceId device, long revision, DsseEnvelope? order, params ReportedModel[] models)
        => fleet.ReportAsync(device, new ReportedState
        {
            Revision = revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = models,
            Order = order,
        });

    private static string DigestOf(OrderedRelease release)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{release.Model} {release.Version}")));
}
