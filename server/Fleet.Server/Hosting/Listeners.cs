using System.Net;
using Fleet.Contracts;
using Fleet.Server.Certificates;
using Fleet.Server.Messaging;
using Fleet.Server.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using MQTTnet.AspNetCore;

namespace Fleet.Server.Hosting;

/// <summary>The three doors: operators on loopback, devices over HTTPS, devices over MQTT.</summary>
internal static class Listeners
{
    /// <summary>The largest body any endpoint reads without asking for more; most read far less, each with its own limit.</summary>
    private const int MaximumBodyBytes = 2 * Limits.BuildReportBytes;

    /// <summary>Makes Kestrel listen.</summary>
    public static void AddListeners(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<HostNames>();
        builder.Services.AddSingleton<ListenAddresses>().AddHostedService<EndpointsFile>();
        builder.Services.AddSingleton<ConnectionTurns>().AddHostedService(provider => provider.GetRequiredService<ConnectionTurns>());
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var services = kestrel.ApplicationServices;
            var options = services.GetRequiredService<FleetOptions>();
            var addresses = services.GetRequiredService<ListenAddresses>();
            var certificate = services.GetRequiredService<ServerCertificate>();
            var address = IPAddress.Parse(options.ListenAddress);
            var refused = services.GetRequiredService<RefusedConnections>();
            void Refused(EndPoint? from, string? name) => refused.Add(new RefusedConnection(
                null, name, from, name is null
                    ? "it showed no certificate"
                    : "its certificate is not one of a device that this server issued, or not valid now"));

            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaximumBodyBytes;
            kestrel.Listen(IPAddress.Loopback, options.ApiPort, listener =>
            {
                listener.Protocols = HttpProtocols.Http1;
                addresses.ApiListener = listener;
            });
            kestrel.Listen(address, options.DevicePort, listener =>
            {
                listener.Protocols = HttpProtocols.Http1AndHttp2;
                listener.UseHttps(certificate.For(ClientCertificateMode.AllowCertificate, Refused));
                addresses.DeviceListener = listener;
            });
            kestrel.Listen(address, options.MqttPort, listener =>
            {
                listener.UseTurns(services.GetRequiredService<ConnectionTurns>());
                listener.UseHttps(certificate.For(ClientCertificateMode.RequireCertificate, Refused));
                listener.UsePacketLimit(Limits.MqttPacketBytes);
                listener.UseMqtt();
                addresses.MqttListener = listener;
            });
        });
    }
}
