using System.Buffers;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Fleet.TestKit;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Fleet.Server.Tests;

/// <summary>
/// What an agent of protocol 1 says, and nothing that the contracts of today know: its messages are the golden files, its topics and
/// routes stand here as text, its certificate and MQTT are its own. A change that breaks a device in the field breaks this.
/// </summary>
internal sealed class ProtocolOneAgent : IAsyncDisposable
{
    private readonly Uri _server;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly Channel<JsonNode> _desired = Channel.CreateUnbounded<JsonNode>();
    private readonly IMqttClient _mqtt = new MqttClientFactory().CreateMqttClient();
    private X509Certificate2? _certificate;

    /// <param name="server">Address of the devices' port.</param>
    /// <param name="id">The device.</param>
    public ProtocolOneAgent(Uri server, string id)
    {
        (_server, Id) = (server, id);
        _mqtt.ApplicationMessageReceivedAsync += received =>
        {
            _desired.Writer.TryWrite(JsonNode.Parse(received.ApplicationMessage.Payload.ToArray())!);
            return Task.CompletedTask;
        };
    }

    public string Id { get; }

    /// <summary>A message as it was agreed for protocol 1.</summary>
    public static JsonNode Golden(string name)
        => JsonNode.Parse(File.ReadAllText(Repository.PathOf("tests", "Fleet.Contracts.Tests", "golden", name + ".json")))!;

    /// <summary>Enrolls; the answer is what the server said.</summary>
    public async Task<JsonNode> EnrollAsync(string token)
    {
        var request = Golden("enroll-request");
        request["token"] = token;
        request["deviceId"] = Id;
        request["certificateSigningRequest"] = SigningRequest();
        var identity = await PostAsync("/enroll", request);
        Take(identity);
        return identity;
    }

    /// <summary>Asks for a new certificate, and uses it from now on.</summary>
    public async Task<JsonNode> RenewAsync()
    {
        var request = Golden("renew-request");
        request["certificateSigningRequest"] = SigningRequest();
        var identity = await PostAsync("/renew", request);
        Take(identity);
        return identity;
    }

    /// <summary>Connects, says that it is there, and asks for what it should run.</summary>
    public async Task ConnectAsync(string mqtt)
    {
        var at = mqtt.LastIndexOf(':');
        var options = new MqttClientOptionsBuilder()
            .WithClientId(Id).WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(mqtt[..at], int.Parse(mqtt[(at + 1)..], CultureInfo.InvariantCulture))
            .WithWillTopic($"fleet/v1/{Id}/presence").WithWillPayload("""{"online":false}""")
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTlsOptions(tls => tls.WithClientCertificates([_certificate!]).WithCertificateValidationHandler(_ => true));
        Assert.Equal(MqttClientConnectResultCode.Success, (await _mqtt.ConnectAsync(options.Build())).ResultCode);
        await SayAsync("presence", Golden("presence"));
        await _mqtt.SubscribeAsync($"fleet/v1/{Id}/desired", MqttQualityOfServiceLevel.AtLeastOnce);
    }

    /// <summary>The next desired state that names a model, or names none where that is asked for.</summary>
    public async Task<JsonNode> DesiredAsync(string? model)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            var state = await _desired.Reader.ReadAsync(deadline.Token);
            if (AssignmentsOf(state).Any() == model is not null) return state;
        }
    }

    /// <summary>The assignments of a desired state.</summary>
    public static IEnumerable<JsonNode> AssignmentsOf(JsonNode state) => ((JsonArray)state["assignments"]!).Select(one => one!);

    /// <summary>Publishes; returns once the server has acknowledged, and fails when it refused.</summary>
    public async Task SayAsync(string channel, JsonNode message)
    {
        var result = await _mqtt.PublishAsync(new MqttApplicationMessageBuilder()
            .WithTopic($"fleet/v1/{Id}/{channel}").WithPayload(Encoding.UTF8.GetBytes(message.ToJsonString()))
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build());
        Assert.Equal((channel, MqttClientPublishReasonCode.Success), (channel, result.ReasonCode));
    }

    /// <summary>The bytes of an artifact from the given place on.</summary>
    public async Task<(HttpStatusCode Status, byte[] Bytes)> FetchAsync(string digest, long from)
    {
        using var http = Http();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/artifacts/{digest}");
        if (from > 0) request.Headers.Range = new(from, null);
        using var answer = await http.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsByteArrayAsync());
    }

    /// <summary>True when one of the keys of its enrollment has signed the release (DSSE, ECDSA P-256 over SHA-256).</summary>
    public static bool IsSigned(JsonNode envelope, JsonNode identity)
    {
        var (type, payload) = ((string)envelope["payloadType"]!, Convert.FromBase64String((string)envelope["payload"]!));
        byte[] signed = [.. Encoding.UTF8.GetBytes($"DSSEv1 {Encoding.UTF8.GetByteCount(type)} {type} {payload.Length} "), .. payload];
        return ((JsonArray)identity["releaseKeys"]!).Any(trusted =>
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String((string)trusted!["publicKey"]!), out _);
            return ((JsonArray)envelope["signatures"]!).Any(signature => key.VerifyData(signed,
                Convert.FromBase64String((string)signature!["sig"]!), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _mqtt.DisconnectAsync();
        _mqtt.Dispose();
        _certificate?.Dispose();
        _key.Dispose();
    }

    private void Take(JsonNode identity)
    {
        _certificate?.Dispose();
        _certificate = X509Certificate2.CreateFromPem((string)identity["certificate"]!, _key.ExportPkcs8PrivateKeyPem());
    }

    private string SigningRequest() => new CertificateRequest($"CN={Id}", _key, HashAlgorithmName.SHA256).CreateSigningRequestPem();

    private async Task<JsonNode> PostAsync(string path, JsonNode body)
    {
        using var http = Http();
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri(path, UriKind.Relative), content);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    // Whom a device trusts is the subject of other tests.
    private HttpClient Http()
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null;
        if (_certificate is not null) handler.SslOptions.ClientCertificates = [_certificate];
        return new HttpClient(handler) { BaseAddress = _server };
    }
}
