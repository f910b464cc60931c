using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Server.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fleet.Server.Hosting;

/// <summary>Where the server listens, once it does: ports may have been left to the system.</summary>
internal sealed class ListenAddresses(FleetOptions options)
{
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Plain HTTP on loopback.</summary>
    public string Api => $"http://{Host(IPAddress.Loopback.ToString())}:{PortOf(ApiListener)}";

    /// <summary>HTTPS as devices reach it.</summary>
    public string Devices => $"https://{Host(options.PublicHost)}:{PortOf(DeviceListener)}";

    /// <summary>Host and port of the broker as devices reach it.</summary>
    public string Mqtt => $"{Host(options.PublicHost)}:{PortOf(MqttListener)}";

    /// <summary>Completes when everything listens.</summary>
    public Task Listening => _listening.Task;

    /// <summary>Set while the listeners are made; their ports are known once they are bound.</summary>
    internal ListenOptions? ApiListener { get; set; }

    /// <inheritdoc cref="ApiListener"/>
    internal ListenOptions? DeviceListener { get; set; }

    /// <inheritdoc cref="ApiListener"/>
    internal ListenOptions? MqttListener { get; set; }

    /// <summary>Everything is bound.</summary>
    internal void SetListening() => _listening.TrySetResult();

    /// <summary>The addresses as JSON, for programs that start the server and must find it.</summary>
    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new Endpoints(Api, Devices, Mqtt), AddressJson.Default.Endpoints);

    private static int PortOf(ListenOptions? listener)
        => listener?.IPEndPoint?.Port ?? throw new InvalidOperationException("The server does not listen yet.");

    private static string Host(string name) => name.Contains(':', StringComparison.Ordinal) ? $"[{name}]" : name;
}

/// <summary>The content of <c>endpoints.json</c>.</summary>
internal sealed record Endpoints(string Api, string Devices, string Mqtt);

/// <summary>Generated serialization of <see cref="Endpoints"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Endpoints))]
internal sealed partial class AddressJson : JsonSerializerContext;
