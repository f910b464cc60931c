using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.TestKit;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Fleet.Server.Tests;

/// <summary>An enrolled device: its key, its certificate, and the MQTT clients that use them.</summary>
internal sealed class TestDevice(RunningServer server, DeviceId id, ECDsa key, EnrollResponse identity)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public DeviceId Id => id;

    public EnrollResponse Identity => identity;

    /// <summary>Its certificate with its key.</summary>
    public X509Certificate2 Certificate { get; } = X509Certificate2.CreateFromPem(identity.Certificate, key.ExportPkcs8PrivateKeyPem());

    public static string SigningRequest(ECDsa key, string name = "CN=whatever")
        => new CertificateRequest(name, key, HashAlgorithmName.SHA256).CreateSigningRequestPem();

    /// <summary>Trust in one authority and no other, whatever the dates, as agents do: a test may move the server's clock.</summary>
    public static X509ChainPolicy Trusting(string authorityPem)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        policy.CustomTrustStore.Add(X509Certificate2.CreateFromPem(authorityPem));
        return policy;
    }

    /// <summary>Asks for a new certificate with the one it has.</summary>
    /// <param name="next">The key of the new one.</param>
    public async Task<HttpResponseMessage> TryRenewAsync(ECDsa next)
    {
        using var client = server.DevicesAs(Certificate);
        var request = JsonSerializer.Serialize(new RenewRequest(SigningRequest(next)), FleetJson.Default.RenewRequest);
        return await RunningServer.PostAsync(client, "/renew", request);
    }

    /// <summary>The same device with a new certificate.</summary>
    /// <param name="next">The key of the new one; one of its own when null.</param>
    public async Task<TestDevice> RenewAsync(ECDsa? next = null)
    {
        next ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var answer = await TryRenewAsync(next);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, body);
        return new TestDevice(server, id, next, JsonSerializer.Deserialize(body, FleetJson.Default.EnrollResponse)!);
    }

    /// <summary>What the server says to the certificate over HTTPS: null when it is accepted, else the problem's title.</summary>
    public async Task<string?> RefusalAsync()
    {
        using var client = server.DevicesAs(Certificate);
        using var answer = await client.GetAsync(new Uri("/self", UriKind.Relative));
        return answer.IsSuccessStatusCode ? null : (await RunningServer.ProblemOf(answer)).Title;
    }

    /// <summary>Connects with MQTTnet.</summary>
    public Task<IMqttClient> ConnectAsync(Action<MqttClientOptionsBuilder>? change = null)
        => ConnectAsync(server, id.Value, Certificate, change);

    /// <summary>Connects with MQTTnet as anybody.</summary>
    public static async Task<IMqttClient> ConnectAsync(
        RunningServer server, string clientId, X509Certificate2? certificate, Action<MqttClientOptionsBuilder>? change = null)
    {
        var authority = server.AuthorityPem;
        var builder = new MqttClientOptionsBuilder()
            .WithClientId(clientId)
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTimeout(Deadline)
            .WithTlsOptions(tls =>
            {
                tls.WithCertificateValidationHandler(shown =>
                {
                    using var chain = new X509Chain { ChainPolicy = Trusting(authority) };
                    return chain.Build((X509Certificate2)shown.Certificate);
                });
                if (certificate is not null) tls.WithClientCertificates([certificate]);
            });
        if (server.MqttAddress is [var host, var port])
            builder.WithTcpServer(host, int.Parse(port, System.Globalization.CultureInfo.InvariantCulture));
        change?.Invoke(builder);
        var client = new MqttClientFactory().CreateMqttClient();
        try
        {
            var result = await client.ConnectAsync(builder.Build());
            if (result.ResultCode != MqttClientConnectResultCode.Success)
                throw new RefusedException(result.ResultCode, result.ReasonString);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Connects and collects what it should run.</summary>
    public async Task<(IMqttClient Client, ChannelReader<DesiredState> Desired)> ListenAsync()
    {
        var client = await ConnectAsync();
        var states = Channel.CreateUnbounded<DesiredState>();
        client.ApplicationMessageReceivedAsync += received =>
        {
            states.Writer.TryWrite(JsonSerializer.Deserialize(
                System.Buffers.BuffersExtensions.ToArray(received.ApplicationMessage.Payload), FleetJson.Default.DesiredState)!);
            return Task.CompletedTask;
        };
        await client.SubscribeAsync(Topics.Of(id, Topics.Desired), MqttQualityOfServiceLevel.AtLeastOnce);
        return (client, states.Reader);
    }

    /// <summary>Publishes on one of its channels and returns how it was acknowledged.</summary>
    public async Task<MqttClientPublishReasonCode> PublishAsync<T>(IMqttClient client, string channel, T value, JsonTypeInfo<T> type)
        => (await PublishAsync(client, Topics.Of(id, channel), JsonSerializer.SerializeToUtf8Bytes(value, type))).ReasonCode;

    public static Task<MqttClientPublishResult> PublishAsync(IMqttClient client, string topic, byte[] payload, bool retain = false)
        => client.PublishAsync(new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithRetainFlag(retain)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce).Build());

    public static ReportedState Report(long revision, params ReportedModel[] models)
        => new() { Revision = revision, Facts = RunningServer.Facts, Models = models };

    /// <summary>Runs <c>mosquitto_pub</c> or <c>mosquitto_sub</c> with this device's certificate.</summary>
    public async Task<ProcessResult> MosquittoAsync(string program, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["device.pem"], identity.Certificate);
        await File.WriteAllTextAsync(folder["device.key"], key.ExportPkcs8PrivateKeyPem());
        var address = server.Addresses.Mqtt.Split(':');
        return await ChildProcess.RunAsync(
            program,
            [
                "-V", "5", "-h", address[0], "-p", address[1], "-q", "1", "-i", id.Value,
                "--cafile", server.Folder["ca.pem"], "--cert", folder["device.pem"], "--key", folder["device.key"], .. arguments,
            ],
            Deadline);
    }
}

/// <summary>The broker refused a connection.</summary>
internal sealed class RefusedException(MqttClientConnectResultCode code, string? reason) : Exception($"{code}: {reason}")
{
    public MqttClientConnectResultCode Code => code;
}
