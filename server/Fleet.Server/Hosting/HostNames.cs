using System.Net;
using Fleet.Server.Certificates;
using Fleet.Server.Settings;

namespace Fleet.Server.Hosting;

/// <summary>
/// The names by which this server is called. A page of another site can make a browser ask an address of this network under the site's own
/// name (DNS rebinding): a request under a name that is not the server's is not answered.
/// </summary>
internal sealed class HostNames(FleetOptions options, ServerCertificate certificate)
{
    private readonly HashSet<string> _names = new(
        ["localhost", Bare(options.PublicHost), .. options.HostNames], StringComparer.OrdinalIgnoreCase);

    /// <summary>True when the server is called so, or devices were told that it will be.</summary>
    /// <param name="host">Name or address, without a port.</param>
    /// <param name="local">The address at which the connection arrived: whoever calls that by its number was not sent by a name.</param>
    public bool Answers(string host, IPAddress? local)
        => _names.Contains(Bare(host)) || string.Equals(Bare(host), certificate.Announced, StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out var address) && local is not null && Plain(address).Equals(Plain(local)));

    /// <summary>True when it is a name that the settings add: what a proxy in front of the server is called.</summary>
    public bool IsOfSettings(string host) => options.HostNames.Contains(host, StringComparer.OrdinalIgnoreCase);

    private static string Bare(string host) => host.Trim('[', ']');

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
