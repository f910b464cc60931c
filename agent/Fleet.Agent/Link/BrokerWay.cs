using System.Net;
using Fleet.Agent.Network;
using MQTTnet.Channel;

namespace Fleet.Agent.Link;

/// <summary>The way to the broker, as the client asks for it.</summary>
internal sealed class BrokerWay(ConnectTunnel tunnel) : IMqttClientStreamProvider
{
    /// <inheritdoc/>
    public Task<Stream> ConnectAsync(EndPoint brokerEndPoint, CancellationToken cancellationToken) => brokerEndPoint switch
    {
        DnsEndPoint named => tunnel.ConnectAsync(named.Host, named.Port, cancellationToken),
        IPEndPoint address => tunnel.ConnectAsync(address.Address.ToString(), address.Port, cancellationToken),
        _ => throw new ArgumentException($"{brokerEndPoint} is not an address of TCP.", nameof(brokerEndPoint)),
    };
}
