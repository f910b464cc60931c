using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Platform;
using Fleet.Server.Certificates;

namespace Fleet.Server.Tests.Storm;

/// <summary>
/// What devices of a storm share: whom they trust, how to name a release they are told, and where it is noted what became of them.
/// </summary>
/// <param name="Root">The root they trust.</param>
/// <param name="RootDigest">Its digest.</param>
/// <param name="Failed">Notes why a try to connect, or a connection, ended.</param>
internal sealed record StormGround(TrustRoot Root, string RootDigest, Action<string> Failed);

/// <summary>
/// A device reduced to what it does at its server: it connects with its certificate, says what it has, subscribes, takes valid orders
/// alone, reports that it began, and comes back with the agent's own back-off however often it has to.
/// </summary>
internal sealed class StormDevice(DeviceId id, X509Certificate2 certificate, StormGround ground, Random random) : IDisposable
{
    // As the agent's LinkOptions are unless somebody sets them.
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaximumDelay = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(30);

    private readonly string _run = random.NextInt64().ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
    private readonly SslClientAuthenticationOptions _tls = new()
    {
        ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
        // Whom devices trust is the subject of other tests: none of the machine's certificates are read for each of thousands.
        CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        },
        RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
    };

    private volatile MqttLine? _line;
    private Assignment? _begun;
    private int _unanswered;
    private ushort _packet;

    /// <summary>The device.</summary>
    public DeviceId Id => id;

    /// <summary>Revision of the newest order that it accepted.</summary>
    public long Revision { get; private set; }

    /// <summary>The release it was told last, by version; 0 for none.</summary>
    public int Version => _begun?.Version ?? 0;

    /// <summary>When it was last told what it should run, by the clock of the machine.</summary>
    public DateTimeOffset ToldAt { get; private set; }

    /// <summary>Orders that it did not take, by their fault.</summary>
    public OrderFault Fault { get; private set; }

    /// <summary>How often it was told what it should run.</summary>
    public int Messages { get; private set; }

    /// <summary>True while it is connected and all that it said is acknowledged, which means stored.</summary>
    public bool IsHeard => _line is not null && _unanswered == 0;

    /// <summary>Bytes that came over the connection it has.</summary>
    public long Received => _line?.Received ?? 0;

    /// <summary>A device with a certificate of a fleet's authority.</summary>
    public static StormDevice Of(DeviceId id, CertificateAuthority authority, StormGround ground, Random random)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var issued = authority.IssueDevice(id, new PublicKey(key), TimeSpan.FromDays(1));
        using var shown = X509Certificate2.CreateFromPem(issued.Pem);
        return new StormDevice(id, shown.CopyWithPrivateKey(key), ground, random);
    }

    /// <summary>Stays connected until it is stopped.</summary>
    public async Task RunAsync(string host, int port, CancellationToken cancellationToken)
    {
        _tls.TargetHost = host;
        var failures = 0;
        while (true)
        {
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(Timeout);
                using var line = await MqttLine.OpenAsync(host, port, _tls, limit.Token);
                await ArriveAsync(line, limit.Token);
                (_line, failures) = (line, 0);
                await AwaitAsync(line, MqttType.Disconnect, cancellationToken);
            }
            catch (Exception e)
            {
                cancellationToken.ThrowIfCancellationRequested();
                ground.Failed(e is OperationCanceledException ? "no answer in time" : e.InnerException?.Message ?? e.Message);
            }
            finally
            {
                _line = null;
            }
            failures++;
            await Task.Delay(Backoff.Next(random, failures, FirstDelay, MaximumDelay), cancellationToken);
        }
    }

    /// <summary>Keeps a connection that says nothing from being taken for dead.</summary>
    public async Task PingAsync(CancellationToken cancellationToken)
    {
        try { await (_line?.PingAsync(cancellationToken) ?? Task.CompletedTask); }
        // It ended meanwhile: whoever reads it knows.
        catch (Exception e) when (e is IOException or ObjectDisposedException) { }
    }

    /// <inheritdoc/>
    public void Dispose() => certificate.Dispose();

    /// <summary>The agent's own steps: CONNECT, presence, the subscription, the report.</summary>
    private async Task ArriveAsync(MqttLine line, CancellationToken cancellationToken)
    {
        _unanswered = 0;
        await line.SendAsync(MqttLine.Connect(id, _run, KeepAlive, Presence(online: false)), cancellationToken);
        var answer = await AwaitAsync(line, MqttType.ConnectAnswer, cancellationToken);
        if (answer[1] != 0) throw new IOException($"the server refused the connection: 0x{answer[1]:x2}");
        await PublishAsync(line, Topics.Presence, Presence(online: true), cancellationToken);
        await AwaitAsync(line, MqttType.PublishAnswer, cancellationToken);
        await line.SendAsync(MqttLine.Subscribe(Topics.Of(id, Topics.Desired), ++_packet), cancellationToken);
        var granted = await AwaitAsync(line, MqttType.SubscribeAnswer, cancellationToken);
        if (granted[^1] > 2) throw new IOException($"the server refused the subscription: 0x{granted[^1]:x2}");
        await ReportAsync(line, cancellationToken);
    }

    /// <summary>Takes what comes until a packet of this type is there.</summary>
    private async Task<byte[]> AwaitAsync(MqttLine line, MqttType type, CancellationToken cancellationToken)
    {
        while (true)
        {
            var packet = await line.ReadAsync(cancellationToken);
            if (packet.Type == MqttType.PublishAnswer) _unanswered--;
            if (packet.Type == type && type != MqttType.Disconnect) return packet.Body;
            switch (packet.Type)
            {
                case MqttType.Publish:
                    await TakeAsync(line, packet, cancellationToken);
                    break;
                case MqttType.PublishAnswer when packet.Body is [_, _, >= 0x80 and var code, ..]:
                    throw new IOException($"the server did not store what was sent: 0x{code:x2}");
                case MqttType.Disconnect:
                    throw new IOException($"the server ended the connection: 0x{(packet.Body is [var reason, ..] ? reason : 0):x2}");
            }
        }
    }

    private async Task TakeAsync(MqttLine line, MqttPacketBytes packet, CancellationToken cancellationToken)
    {
        var (_, answer, payload) = MqttLine.Read(packet);
        await line.AcknowledgeAsync(answer, cancellationToken);
        var state = JsonSerializer.Deserialize(payload.Span, FleetJson.Default.DesiredState)!;
        var judged = OrderVerifier.Verify(state.Order, state.Revision, state.Ordered(), new OrderGround
        {
            Root = ground.Root,
            Device = id,
            Accepted = new OrderPlace(ground.Root.OrderEpoch, Revision),
            Known = new HashSet<string>(),
            Now = DateTimeOffset.UtcNow,
        });
        Messages++;
        ToldAt = DateTimeOffset.UtcNow;
        if (!judged.Accepted)
        {
            // What it has already is told again at every connect.
            if (state.Revision != Revision) Fault = judged.Fault;
            return;
        }
        var isNew = state.Revision > Revision;
        (Revision, _begun) = (state.Revision, state.Assignments is [var assignment, ..] ? assignment : null);
        if (isNew && _begun is not null) await ReportAsync(line, cancellationToken);
    }

    /// <summary>All that it has, as at every connect: what it said before may have died with the server.</summary>
    private Task ReportAsync(MqttLine line, CancellationToken cancellationToken) => PublishAsync(
        line, Topics.Reported, JsonSerializer.SerializeToUtf8Bytes(new ReportedState
        {
            Revision = Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = _begun is not { } begun ? [] :
            [
                new ReportedModel
                {
                    Model = begun.Model,
                    Version = begun.Version,
                    Phase = DeploymentPhase.Downloading,
                    Since = DateTimeOffset.UtcNow,
                },
            ],
            Trust = new TrustReport { Root = ground.Root.Version, Digest = ground.RootDigest, Epoch = ground.Root.OrderEpoch },
        }, FleetJson.Default.ReportedState), cancellationToken);

    private Task PublishAsync(MqttLine line, string channel, byte[] payload, CancellationToken cancellationToken)
    {
        _unanswered++;
        return line.SendAsync(MqttLine.Publish(Topics.Of(id, channel), ++_packet, payload), cancellationToken);
    }

    private static byte[] Presence(bool online) => JsonSerializer.SerializeToUtf8Bytes(new Presence(online), FleetJson.Default.Presence);
}
