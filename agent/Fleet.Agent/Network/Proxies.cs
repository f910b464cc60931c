using System.Net;
using Fleet.Agent.Disk;
using Microsoft.Extensions.Configuration;

namespace Fleet.Agent.Network;

/// <summary>
/// Which way a connection takes: straight, or through an HTTP proxy. The setting <c>Link:Proxy</c> names one or says <c>none</c>; without
/// it HTTPS_PROXY, ALL_PROXY and NO_PROXY decide, as for other programs. This machine itself is never reached through a proxy.
/// </summary>
internal sealed class Proxies : IWebProxy
{
    /// <summary>What the setting says for no proxy at all.</summary>
    public const string None = "none";

    private readonly IWebProxy? _proxy;

    /// <param name="setting">The setting; null to leave it to the environment.</param>
    public Proxies(string? setting)
        => _proxy = setting switch
        {
            null or "" => HttpClient.DefaultProxy,
            None => null,
            _ => new WebProxy(WithoutCredentials(new Uri(setting))) { Credentials = CredentialsOf(new Uri(setting)) },
        };

    /// <inheritdoc/>
    public ICredentials? Credentials
    {
        get => _proxy?.Credentials;
        set => throw new NotSupportedException("The credentials of a proxy stand in its address.");
    }

    /// <summary>As the settings of an agent's folder and the environment say.</summary>
    public static Proxies Of(DataFolder folder) => new(new ConfigurationBuilder()
        .AddJsonFile(folder.Settings, optional: true, reloadOnChange: false)
        .AddEnvironmentVariables("FLEET_AGENT_")
        .Build()["Link:Proxy"]);

    /// <inheritdoc/>
    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : _proxy?.GetProxy(destination);

    /// <inheritdoc/>
    public bool IsBypassed(Uri host) => _proxy is null || host.IsLoopback || _proxy.IsBypassed(host);

    private static Uri WithoutCredentials(Uri proxy) => new UriBuilder(proxy) { UserName = "", Password = "" }.Uri;

    private static NetworkCredential? CredentialsOf(Uri proxy)
        => proxy.UserInfo.Split(':', 2) is [{ Length: > 0 } user, .. var rest]
            ? new NetworkCredential(Uri.UnescapeDataString(user), rest is [var password] ? Uri.UnescapeDataString(password) : "")
            : null;
}
