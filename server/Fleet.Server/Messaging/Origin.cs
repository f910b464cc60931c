using System.Net;
using System.Net.Sockets;

namespace Fleet.Server.Messaging;

/// <summary>
/// Where a connection comes from, as shares are kept: an IPv4 address, or the network of an IPv6 address, of which one holder has all.
/// </summary>
/// <param name="Text">As people read it; null where it is not known.</param>
internal readonly record struct Origin(string? Text)
{
    private const int NetworkBytes = 8;

    /// <summary>The origin of a connection.</summary>
    public static Origin Of(EndPoint? from) => from is IPEndPoint { Address: var address } ? Of(address) : default;

    /// <inheritdoc/>
    public override string ToString() => Text ?? "an unknown address";

    private static Origin Of(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(address)) return new Origin(address.ToString());
        var network = address.GetAddressBytes();
        Array.Clear(network, NetworkBytes, network.Length - NetworkBytes);
        return new Origin($"{new IPAddress(network)}/{NetworkBytes * 8}");
    }
}
