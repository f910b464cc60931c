using System.Net;
using System.Net.Http.Headers;
using Fleet.Agent.Deployment;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Link;
using Fleet.Agent.Network;
using Fleet.Agent.Shelf;
using Fleet.Platform;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Run;

/// <summary>Checks everything an agent needs and prints one line for each.</summary>
internal sealed class SelfCheck(DataFolder folder, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private bool _failed;

    /// <summary>Runs the checks; <see cref="ExitCode.Success"/> when all of them pass.</summary>
    public async Task<ExitCode> RunAsync(CancellationToken cancellationToken)
    {
        if (IdentityFile.Read(folder) is not { } identity)
        {
            Say(false, $"identity: {folder.Identity} does not exist; run 'fleet-agent enroll' first");
            return ExitCode.NotEnrolled;
        }
        Say(true, $"identity: {identity.Device} at {identity.Server}");
        var mode = File.GetUnixFileMode(folder.Identity);
        Say(mode == OwnerOnly.FileMode,
            $"file mode: {folder.Identity} holds the private key and has mode {Convert.ToString((int)mode, 8)} (must be 600)");

        var credentials = new DeviceCredentials(folder, identity, new TrustedTime(folder, time));
        var now = credentials.Time.Latest();
        Say(credentials.Time.ClockProblem() is null, credentials.Time.ClockProblem() is { } wrong ? $"clock: {wrong}" : $"clock: {now:u}");
        var certificate = credentials.Certificate;
        Say(certificate.NotBefore <= now && now < certificate.NotAfter,
            $"certificate: valid from {certificate.NotBefore:u} to {certificate.NotAfter:u}");
        await TryAsync($"server: {identity.Server}", token => CallAsync(credentials, token), cancellationToken);
        await TryAsync($"broker: {identity.Mqtt} (TLS handshake)", token => HandshakeAsync(credentials, token), cancellationToken);
        if (Directory.Exists(folder.Journals)) await CheckShelfAsync(cancellationToken);
        return _failed ? ExitCode.Failed : ExitCode.Success;
    }

    private async Task CheckShelfAsync(CancellationToken cancellationToken)
    {
        var shelf = new ArtifactShelf(folder);
        foreach (var journal in new Journals(folder, NullLogger<Journals>.Instance).All.Values)
        {
            await CheckAsync("active", journal.Active);
            await CheckAsync("previous", journal.Previous);
        }

        async Task CheckAsync(string role, ServingRelease? release)
        {
            if (release is null) return;
            var artifact = release.Variant.Artifact;
            Say(await shelf.MatchesAsync(artifact, cancellationToken),
                $"{role}: {release.Manifest.Model} {release.Version} {release.Variant.Id}, digest {artifact.Sha256[..8]}…");
        }
    }

    private static async Task CallAsync(DeviceCredentials credentials, CancellationToken cancellationToken)
    {
        using var http = credentials.OpenHttp();
        http.DefaultRequestHeaders.CacheControl = new CacheControlHeaderValue { NoCache = true };
        using var response = await http.GetAsync("/self", cancellationToken);
        // A server from before it had an answer to that has said by its handshake that it is there.
        if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.NotFound) return;
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        throw new IOException(ServerAnswer.Describe(body, (int)response.StatusCode));
    }

    /// <summary>A TLS connection only: an MQTT connect with this device's id would end the running agent's.</summary>
    private static async Task HandshakeAsync(DeviceCredentials credentials, CancellationToken cancellationToken)
    {
        var (host, port) = ServerLink.HostAndPort(credentials.Identity.Mqtt);
        var tcp = await new ConnectTunnel(credentials.Proxies).ConnectAsync(host, port, cancellationToken);
        await using var tls = new System.Net.Security.SslStream(tcp);
        await tls.AuthenticateAsClientAsync(
            new System.Net.Security.SslClientAuthenticationOptions
            {
                TargetHost = host,
                RemoteCertificateValidationCallback = credentials.IsServer,
                ClientCertificates = [credentials.Certificate],
            },
            cancellationToken);
    }

    private async Task TryAsync(string what, Func<CancellationToken, Task> check, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Deadline);
        try
        {
            await check(limit.Token);
            Say(true, what);
        }
        catch (Exception e)
        {
            // Whatever a connection that is given up fails with: it says nothing about the server.
            cancellationToken.ThrowIfCancellationRequested();
            Say(false, $"{what}: {e.InnerException?.Message ?? e.Message}");
        }
    }

    private void Say(bool right, string what)
    {
        _failed |= !right;
        output.WriteLine($"{(right ? "ok    " : "FAILED")} {PlainText.Line(what)}");
    }
}
