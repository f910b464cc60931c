using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;

namespace Fleet.Server.Messaging;

/// <summary>A message that was not taken.</summary>
/// <param name="Reason">Why, in a sentence without its end.</param>
/// <param name="IsForGood">True when it will never be taken; false when the device has used up what it may store for now.</param>
internal sealed record MessageRefusal(string Reason, bool IsForGood = true)
{
    /// <summary>A message that will never be taken.</summary>
    public static implicit operator MessageRefusal(string reason) => new(reason);
}

/// <summary>A room that takes the messages of one channel.</summary>
internal interface IDeviceMessageHandler
{
    /// <summary>The channel, as <c>Topics</c> spells it.</summary>
    string Channel { get; }

    /// <summary>Bytes of the largest message.</summary>
    int MaximumBytes { get; }

    /// <summary>
    /// Takes a message. The device gets its acknowledgement when this returns, so what it reports must be on disk by then. What is
    /// thrown makes the device send the message again.
    /// </summary>
    /// <returns>Null when taken; else why it is refused.</returns>
    Task<MessageRefusal?> HandleAsync(DeviceId device, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);
}

/// <summary>Says which devices may connect.</summary>
internal interface IDeviceGate
{
    /// <summary>Why the device may not connect, in a sentence; null when it may.</summary>
    /// <param name="device">The device.</param>
    /// <param name="certificate">The certificate it shows: of its name, issued by this server, valid now.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<string?> WhyRefusedAsync(DeviceId device, X509Certificate2 certificate, CancellationToken cancellationToken);
}

/// <summary>A room that follows connections. Short: the device's connection waits.</summary>
internal interface IConnectionObserver
{
    /// <summary>A device connected.</summary>
    /// <param name="device">The device.</param>
    /// <param name="run">What it calls the run of its program; null when it does not say.</param>
    /// <param name="from">Where it connects from.</param>
    void Connected(DeviceId device, string? run, Origin from);

    /// <summary>A device's connection was ended by another one of the same identity.</summary>
    void TakenOver(DeviceId device);

    /// <summary>A device subscribed to one of its channels, and can be sent to.</summary>
    void Subscribed(DeviceId device, string channel);

    /// <summary>A device's last connection ended.</summary>
    void Disconnected(DeviceId device);

    /// <summary>A device said something that was taken.</summary>
    void Heard(DeviceId device);
}
