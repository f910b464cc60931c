using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Server;

namespace Fleet.Server.Messaging;

/// <summary>The embedded MQTT 5 broker: started before the first connection can come, stopped after telling every device.</summary>
internal sealed class Broker(
    MqttServer server, DeviceAdmission admission, DeviceQuota quota, DeviceInbox inbox, SessionTurns turns,
    IEnumerable<IConnectionObserver> observers)
    : IHostedLifecycleService
{
    /// <summary>Messages waiting for one device. Only its newest desired state matters, so the oldest are dropped.</summary>
    private const int MaximumPendingMessages = 32;

    /// <summary>How long a connection may take to say who it is, and a device to take a packet.</summary>
    private static readonly TimeSpan CommunicationTimeout = TimeSpan.FromSeconds(20);

    private readonly IConnectionObserver[] _observers = [.. observers];

    /// <summary>The broker itself, listening nowhere: Kestrel brings it its connections.</summary>
    public static MqttServer Create(IEnumerable<IMqttServerAdapter> adapters, IMqttNetLogger logger)
    {
        var options = new MqttServerOptionsBuilder()
            .WithoutDefaultEndpoint()
            // No session outlives its connection: every connect is answered with the desired state from the store, so there is
            // nothing to keep for a device that is away, and nothing to expire.
            .WithPersistentSessions(false)
            .WithMaxPendingMessagesPerClient(MaximumPendingMessages)
            .WithDefaultCommunicationTimeout(CommunicationTimeout)
            .Build();
        return new MqttServer(options, adapters, logger);
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        server.ValidatingConnectionAsync += admission.ValidateAsync;
        server.InterceptingInboundPacketAsync += quota.InterceptAsync;
        server.InterceptingSubscriptionAsync += admission.InterceptSubscriptionAsync;
        server.InterceptingPublishAsync += inbox.InterceptAsync;
        server.ClientConnectedAsync += async connected =>
        {
            await Tell(
                connected.SessionItems, (observer, device) => observer.Connected(
                    device, DeviceAdmission.RunOf(connected.UserProperties), Origin.Of(connected.RemoteEndPoint)));
            await admission.ConnectedAsync(connected);
        };
        server.ClientSubscribedTopicAsync += subscribed => Tell(
            subscribed.SessionItems, (observer, device)
                => observer.Subscribed(device, Topics.ChannelOf(device, subscribed.TopicFilter.Topic).ToString()));
        // A connection that was taken over has a successor already: the device is not gone.
        server.ClientDisconnectedAsync += disconnected =>
        {
            if (disconnected.DisconnectType == MqttClientDisconnectType.Takeover)
                return Tell(disconnected.SessionItems, (observer, device) => observer.TakenOver(device));
            if (DeviceAdmission.DeviceOf(disconnected.SessionItems) is { } left)
                turns.Left(left, Origin.Of(disconnected.RemoteEndPoint));
            return Tell(disconnected.SessionItems, (observer, device) => observer.Disconnected(device));
        };
        return server.StartAsync();
    }

    /// <summary>Before the listeners stop: they wait for open connections, and a device's never ends by itself.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken) => server.StopAsync(new MqttServerStopOptions());

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private Task Tell(System.Collections.IDictionary sessionItems, Action<IConnectionObserver, DeviceId> tell)
    {
        if (DeviceAdmission.DeviceOf(sessionItems) is { } device)
        {
            foreach (var observer in _observers) tell(observer, device);
        }
        return Task.CompletedTask;
    }
}
