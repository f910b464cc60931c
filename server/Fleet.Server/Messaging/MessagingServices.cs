using MQTTnet.AspNetCore;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Server;

namespace Fleet.Server.Messaging;

/// <summary>The room of messaging: it knows topics and bytes; what they mean is registered by other rooms.</summary>
internal static class MessagingServices
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddMessaging(this IServiceCollection services)
    {
        services.AddMqttConnectionHandler();
        return services
            .AddSingleton<IMqttNetLogger, BrokerLog>()
            .AddSingleton(
                provider => Broker.Create(provider.GetServices<IMqttServerAdapter>(), provider.GetRequiredService<IMqttNetLogger>()))
            .AddSingleton<DeviceAdmission>()
            .AddSingleton<RefusedConnections>()
            .AddSingleton<DeviceInbox>()
            .AddSingleton<DeviceOutbox>()
            .AddSingleton<DeviceTraffic>()
            .AddSingleton<SessionTurns>()
            .AddSingleton<DeviceKeys>()
            .AddSingleton<DeviceQuota>()
            .AddHostedService<Broker>();
    }
}
