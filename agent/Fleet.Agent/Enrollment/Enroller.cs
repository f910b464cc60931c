using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Agent.Facts;
using Fleet.Agent.Network;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Platform;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// Turns a join token into an identity. The server proves itself before it is told anything, the key is created on this device, and
/// everything is stored in one step.
/// </summary>
internal sealed class Enroller(DataFolder folder, FactsReader facts, TimeProvider time, Action<string> tell)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>Enrolls this device, waiting for an operator's approval where the token asks for one.</summary>
    /// <exception cref="EnrollmentException">The device was not enrolled, and no identity was stored.</exception>
    public async Task<Identity> EnrollAsync(EnrollmentOrder order, CancellationToken cancellationToken)
    {
        var token = Check(order);
        var device = order.Device;
        folder.Create();
        using var claimed = folder.Lock();
        var replaced = Replaced(order);
        var profile = order.Profile ?? replaced?.Profile;

        var (privateKey, signingRequest) = DeviceKey.Pending(folder, device);
        var request = new EnrollRequest(order.Token.Trim(), device, signingRequest, facts.Read(profile));
        var response = await AskAsync(order.Server, token, request, cancellationToken);

        using var authority = X509Certificate2.CreateFromPem(response.CertificateAuthority);
        if (ServerTrust.FingerprintOf(authority) != token.AuthorityFingerprint)
        {
            throw new EnrollmentException(
                "The server's certificate authority is not the one that the join token names.", EnrollmentFailure.Refused);
        }
        if (DeviceKey.ProblemOf(response.Certificate, privateKey, authority, device) is { } problem)
            throw new EnrollmentException(problem, EnrollmentFailure.Refused);

        var (root, releaseKeys) = FirstRoot.Of(response, token);
        var identity = new Identity
        {
            Device = device,
            Server = order.Server,
            Mqtt = response.Mqtt,
            Profile = profile,
            Certificate = response.Certificate,
            PrivateKey = privateKey,
            CertificateAuthority = response.CertificateAuthority,
            Root = root,
            ReleaseKeys = releaseKeys,
            EnrolledAt = response.ServerTime,
        };
        // The identity last: it is what makes the device enrolled.
        TrustedTime.Store(folder, response.ServerTime, response.TimeAnchor ?? 0);
        IdentityFile.Write(folder, identity);
        DeviceKey.Forget(folder);
        return identity;
    }

    private static JoinToken Check(EnrollmentOrder order)
    {
        if (!JoinToken.TryParse(order.Token, out var token))
        {
            throw new EnrollmentException(
                "This is not a join token. A join token starts with 'fleet1.'; copy it whole from 'fleet tokens create'.",
                EnrollmentFailure.Invalid);
        }
        if (order.Profile is not null && !Names.IsName(order.Profile))
            throw new EnrollmentException($"Profile '{order.Profile}' must be {Names.Rule}.", EnrollmentFailure.Invalid);
        if (order.Server.Scheme != Uri.UriSchemeHttps)
            throw new EnrollmentException($"Server address {order.Server} must start with https://.", EnrollmentFailure.Invalid);
        return token;
    }

    /// <summary>The identity that is here and is to be replaced; null when there is none.</summary>
    /// <exception cref="EnrollmentException">It stays.</exception>
    private Identity? Replaced(EnrollmentOrder order)
    {
        // What does not read is worth nothing; whoever says --replace knows that it goes.
        if ((order.Replace && !IdentityFile.IsReadable(folder)) || IdentityFile.Read(folder) is not { } existing) return null;
        if (!order.Replace)
        {
            throw new EnrollmentException(
                $"This device is already enrolled as {existing.Device} at {existing.Server}. To enroll it again with a new key, stop the "
                    + $"agent, "
                + $"ask an operator for 'fleet devices reenroll {existing.Device}', and add --replace.",
                EnrollmentFailure.Invalid);
        }
        return existing.Device == order.Device
            ? existing
            : throw new EnrollmentException(
                $"{folder.Root} belongs to device {existing.Device}, with its models and journals: enroll {order.Device} in another "
                    + $"folder.",
                EnrollmentFailure.Invalid);
    }

    /// <summary>Asks until there is an answer: while an operator decides, a server that restarts is waited for as well.</summary>
    private async Task<EnrollResponse> AskAsync(Uri server, JoinToken token, EnrollRequest request, CancellationToken cancellationToken)
    {
        string? told = null;
        for (var asked = 1; ; asked++)
        {
            try
            {
                return await PostAsync(server, token, request, cancellationToken);
            }
            catch (EnrollmentException e) when (e.Failure == EnrollmentFailure.Waiting
                || (told is not null && e.Failure == EnrollmentFailure.Unreachable))
            {
                if (told != e.Message) tell(told = e.Message);
            }
            await Task.Delay(Backoff.Bound(asked, FirstWait, LongestWait), time, cancellationToken);
        }
    }

    private async Task<EnrollResponse> PostAsync(
        Uri server, JoinToken token, EnrollRequest request, CancellationToken cancellationToken)
    {
        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            Proxy = Proxies.Of(folder),
            SslOptions = new SslClientAuthenticationOptions
            {
                // Called during the handshake: a server that fails this never sees the token.
                RemoteCertificateValidationCallback = ServerTrust.Judging(token.AuthorityFingerprint, new TrustedTime(folder, time)),
            },
        };
        using var http = new HttpClient(handler)
        {
            BaseAddress = server,
            Timeout = Deadline,
            MaxResponseContentBufferSize = Limits.EnrollmentAnswerBytes,
        };
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(request, WireJson.Default.EnrollRequest));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        try
        {
            using var response = await http.PostAsync("/enroll", content, cancellationToken);
            return await ServerAnswer.ReadAsync(response, cancellationToken);
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            throw new EnrollmentException(
                $"No secure connection to {server}: {e.InnerException.Message}", EnrollmentFailure.Refused, e);
        }
        catch (HttpRequestException e)
        {
            throw new EnrollmentException($"The server at {server} did not answer: {e.Message}", EnrollmentFailure.Unreachable, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new EnrollmentException(
                $"The server at {server} did not answer within {Deadline.TotalSeconds:0} s.", EnrollmentFailure.Unreachable, e);
        }
        catch (CryptographicException e)
        {
            throw new EnrollmentException($"No secure connection to {server}: {e.Message}", EnrollmentFailure.Refused, e);
        }
    }
}
