using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using MQTTnet;
using MQTTnet.AspNetCore;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Fleet.Agent.Tests.Fixtures;

/// <summary>A real broker and a real HTTPS server that speak the product's protocol and remember what was said.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly MqttServer _broker;
    private readonly ConcurrentDictionary<string, DesiredState> _desired = new();

    private TestServer(params string[] names)
    {
        var shown = Authority.Server(names.Length > 0 ? names : ["localhost", "127.0.0.1"]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listener => listener.UseHttps(Tls(shown, required: false)));
            kestrel.Listen(IPAddress.Loopback, 0, listener =>
            {
                listener.UseHttps(Tls(shown, required: true));
                listener.UseMqtt();
            });
        });
        builder.Services.AddMqttConnectionHandler();
        builder.Services.AddHostedMqttServer(mqtt => mqtt.WithPersistentSessions().WithoutDefaultEndpoint());
        _app = builder.Build();
        _broker = _app.Services.GetRequiredService<MqttServer>();
        _broker.ValidatingConnectionAsync += connection =>
        {
            if (connection.ClientCertificate?.GetNameInfo(X509NameType.SimpleName, false) != connection.ClientId)
                connection.ReasonCode = MqttConnectReasonCode.ClientIdentifierNotValid;
            Connections.Add((connection.ClientId, connection.CleanSession == true));
            return Task.CompletedTask;
        };
        _broker.InterceptingPublishAsync += ReceiveAsync;
        _broker.ClientSubscribedTopicAsync += subscribed => _desired.TryGetValue(subscribed.ClientId, out var desired)
            ? SendAsync(subscribed.ClientId, Payload(desired))
            : Task.CompletedTask;
        _app.Use(next => context => IsEndless ? FloodAsync(context) : next(context));
        _app.MapPost("/enroll", EnrollAsync);
        _app.MapPost("/renew", RenewAsync);
        _app.MapGet("/health", () => "ok");
        _app.MapGet("/self", SelfAsync);
        _app.MapGet("/artifacts/{digest}", ArtifactAsync);
    }

    public TestAuthority Authority { get; } = new();

    public int HttpsPort { get; private set; }

    public int MqttPort { get; private set; }

    public Uri Address => new($"https://localhost:{HttpsPort}");

    /// <summary>What the enrollment answers devices to use as broker; a proxy in some tests.</summary>
    public string Mqtt { get; set; } = "";

    /// <summary>The token that opens the door.</summary>
    public JoinToken Token { get => field ??= JoinToken.Create(Authority.Fingerprint, FirstRoot); set; }

    /// <summary>What a token names beside the authority.</summary>
    private string? FirstRoot => KnowsNoOrders ? null : Fleet.Roots[0].Digest();

    /// <summary>The keys of the fleet, and the orders that its devices accept.</summary>
    public SignedFleet Fleet { get; init; } = new();

    /// <summary>True for a server of protocol 1: it shows no roots and signs no orders.</summary>
    public bool KnowsNoOrders { get; set; }

    /// <summary>How often an admin has vouched for its clock, as it tells a device that enrolls.</summary>
    public long? TimeAnchor { get; set; }

    /// <summary>True for a server whose answers to enrollments, renewals and calls never end.</summary>
    public bool IsEndless { get; set; }

    /// <summary>When set, what every enrollment is answered with.</summary>
    public ApiProblem? Refusal { get; set; }

    public ConcurrentBag<EnrollRequest> Enrollments { get; } = [];

    public ConcurrentBag<(string Client, bool CleanStart)> Connections { get; } = [];

    public ConcurrentQueue<ReportedState> Reports { get; } = new();

    public ConcurrentQueue<TelemetryBatch> Telemetry { get; } = new();

    public ConcurrentQueue<Presence> Presence { get; } = new();

    public ConcurrentDictionary<string, byte[]> Artifacts { get; } = new();

    /// <summary>Serials of the certificates that asked who they are.</summary>
    public ConcurrentQueue<string> Shown { get; } = new();

    /// <summary>Every request for an artifact: the digest, and the byte it started at.</summary>
    public ConcurrentQueue<(string Digest, long From)> Requests { get; } = new();

    /// <summary>Bytes of artifacts that were handed to the network.</summary>
    public long BytesSent;

    /// <summary>Stands in for the usual answer to an artifact request; true when it has answered.</summary>
    public Func<HttpContext, byte[], long, Task<bool>>? Misbehave { get; set; }

    /// <summary>What a publish on a channel is acknowledged with.</summary>
    public Func<string, MqttPubAckReasonCode> Acknowledge { get; set; } = _ => MqttPubAckReasonCode.Success;

    public ReleaseKey ReleaseKey => SignedFleet.PublicOf(Fleet.ReleaseKey);

    public static Task<TestServer> StartAsync(params string[] names) => StartAsync(new TestServer(names));

    /// <summary>A server of a fleet other than the usual one.</summary>
    public static Task<TestServer> StartAsync(SignedFleet fleet) => StartAsync(new TestServer { Fleet = fleet });

    private static async Task<TestServer> StartAsync(TestServer server)
    {
        await server._app.StartAsync();
        var ports = server._app.Urls.Select(url => new Uri(url).Port).ToArray();
        (server.HttpsPort, server.MqttPort) = (ports[0], ports[1]);
        server.Mqtt = $"localhost:{server.MqttPort}";
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app.StopAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _app.DisposeAsync();
        Authority.Dispose();
        Fleet.Dispose();
    }

    public DsseEnvelope Sign(ReleaseManifest manifest, ECDsa? key = null)
        => DsseEnvelope.Sign(DsseEnvelope.InToto,
            JsonSerializer.SerializeToUtf8Bytes(ReleaseStatement.About(manifest), FleetJson.Default.ReleaseStatement),
            key ?? Fleet.ReleaseKey);

    /// <summary>Keeps a file and returns how a manifest names it.</summary>
    public ArtifactReference Store(string name, byte[] content)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(content));
        Artifacts[digest] = content;
        return new ArtifactReference(name, digest, content.Length);
    }

    /// <summary>Sets what a device should run, and tells it when it is connected.</summary>
    public Task DesireAsync(string device, long revision, params Assignment[] assignments)
    {
        var desired = KnowsNoOrders
            ? new DesiredState { Revision = revision, Assignments = assignments }
            : Fleet.Desired(device, revision, assignments);
        return DesireAsync(device, desired);
    }

    /// <summary>Sends a desired state just as it is, now and whenever the device connects.</summary>
    public Task DesireAsync(string device, DesiredState desired)
    {
        _desired[device] = desired;
        return SendAsync(device, Payload(desired));
    }

    /// <summary>Sends anything on a device's desired topic.</summary>
    public async Task SendAsync(string device, byte[] payload)
    {
        var session = (await _broker.GetSessionsAsync()).FirstOrDefault(session => session.Id == device);
        session?.TryEnqueueApplicationMessage(
            new MqttApplicationMessageBuilder().WithTopic(Topics.Of(DeviceId.Parse(device), Topics.Desired)).WithPayload(payload)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build(), out _);
    }

    /// <summary>The first report, past or to come, in which a model stands so.</summary>
    public async Task<ReportedModel> ReportedAsync(string model, string what, Func<ReportedModel, bool> holds)
    {
        try
        {
            return await Eventually.ValueAsync(what,
                () => Task.FromResult(Reports.SelectMany(report => report.Models).FirstOrDefault(one => one.Model == model && holds(one))),
                TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(
                $"{e.Message} Reported: "
                    + $"{string.Join("; ", Reports.SelectMany(report =>
                        report.Models.Select(one =>
                            $"r{report.Revision} {one.Model} {one.Version} {one.Phase} {one.Failure} {one.Detail}")))}");
        }
    }

    /// <summary>The first report, past or to come, that names a fault.</summary>
    public Task<TrustReport> RefusedAsync(OrderFault fault) => Eventually.ValueAsync($"the device reports {fault}",
        () => Task.FromResult(Reports.Select(report => report.Trust).FirstOrDefault(trust => trust?.Fault == fault)));

    public Task<ReportedModel> ReportedAsync(string model, int version, DeploymentPhase phase)
        => ReportedAsync(model, $"{model} {version} is reported as {phase}", one => one.Version == version && one.Phase == phase);

    private static byte[] Payload(DesiredState desired) => JsonSerializer.SerializeToUtf8Bytes(desired, FleetJson.Default.DesiredState);

    private TlsHandshakeCallbackOptions Tls(SslStreamCertificateContext shown, bool required) => new()
    {
        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = shown,
            ClientCertificateRequired = true,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is X509Certificate2 device
                ? IsDevice(device)
                : !required,
        }),
    };

    private bool IsDevice(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Authority.Certificate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    private async Task FloodAsync(HttpContext context)
    {
        var spaces = new byte[1 << 16];
        spaces.AsSpan().Fill((byte)' ');
        try
        {
            // Of this answer: writing goes on for a moment after the other side has left, and must leave the next one endless too.
            for (long sent = 0; sent < 1L << 30; sent += spaces.Length)
            {
                Interlocked.Add(ref BytesSent, spaces.Length);
                await context.Response.Body.WriteAsync(spaces, context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            // The other side has had enough.
        }
    }

    private async Task SelfAsync(HttpContext context)
    {
        if (await context.Connection.GetClientCertificateAsync() is not { } certificate)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        var device = DeviceId.Parse(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
        Shown.Enqueue(certificate.SerialNumber);
        await context.Response.WriteAsync(JsonSerializer.Serialize(
            new SelfResponse(device, certificate.SerialNumber, Mqtt, DateTimeOffset.UtcNow), FleetJson.Default.SelfResponse));
    }

    private async Task EnrollAsync(HttpContext context)
    {
        var request = (await JsonSerializer.DeserializeAsync(context.Request.Body, FleetJson.Default.EnrollRequest))!;
        Enrollments.Add(request);
        var known = JoinToken.TryParse(request.Token, out var token) && token.Secret == Token.Secret;
        if ((Refusal ?? (known ? null : new ApiProblem("The join token is not known.", 401, []))) is { } problem)
        {
            context.Response.StatusCode = problem.Status;
            await context.Response.WriteAsync(JsonSerializer.Serialize(problem, FleetJson.Default.ApiProblem));
            return;
        }
        await AnswerAsync(context, Authority.Device(request.DeviceId.Value, request.CertificateSigningRequest));
    }

    private async Task RenewAsync(HttpContext context)
    {
        var device = context.Connection.ClientCertificate!.GetNameInfo(X509NameType.SimpleName, false);
        var request = (await JsonSerializer.DeserializeAsync(context.Request.Body, FleetJson.Default.RenewRequest))!;
        await AnswerAsync(context, Authority.Device(device, request.CertificateSigningRequest, DateTimeOffset.UtcNow.AddDays(365)));
    }

    private async Task AnswerAsync(HttpContext context, string certificate) => await context.Response.WriteAsync(JsonSerializer.Serialize(
        new EnrollResponse(certificate, Authority.Certificate.ExportCertificatePem(), [ReleaseKey], Mqtt, DateTimeOffset.UtcNow,
            KnowsNoOrders ? null : Fleet.Roots, TimeAnchor),
        FleetJson.Default.EnrollResponse));

    private async Task ArtifactAsync(HttpContext context, string digest)
    {
        if (context.Connection.ClientCertificate is null)
        {
            context.Response.StatusCode = 401;
            return;
        }
        if (!Artifacts.TryGetValue(digest, out var content))
        {
            context.Response.StatusCode = 404;
            return;
        }
        var from = context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
        Requests.Enqueue((digest, from));
        if (Misbehave is { } misbehave && await misbehave(context, content, from)) return;
        Interlocked.Add(ref BytesSent, content.Length - from);
        await Results.Bytes(content, "application/octet-stream", enableRangeProcessing: true,
            entityTag: new EntityTagHeaderValue($"\"{digest}\"")).ExecuteAsync(context);
    }

    private Task ReceiveAsync(InterceptingPublishEventArgs publish)
    {
        publish.ProcessPublish = false;
        if (!DeviceId.TryParse(publish.ClientId, out var device)) return Task.CompletedTask;
        var channel = Topics.ChannelOf(device, publish.ApplicationMessage.Topic).ToString();
        publish.Response.ReasonCode = Acknowledge(channel);
        if (publish.Response.ReasonCode != MqttPubAckReasonCode.Success) return Task.CompletedTask;
        var payload = publish.ApplicationMessage.Payload.ToArray();
        switch (channel)
        {
            case Topics.Reported:
                Reports.Enqueue(JsonSerializer.Deserialize(payload, FleetJson.Default.ReportedState)!);
                break;
            case Topics.Telemetry:
                foreach (var batch in TelemetryPack.Decode(payload)) Telemetry.Enqueue(batch);
                break;
            case Topics.Presence:
                Presence.Enqueue(JsonSerializer.Deserialize(payload, FleetJson.Default.Presence)!);
                break;
        }
        return Task.CompletedTask;
    }
}
