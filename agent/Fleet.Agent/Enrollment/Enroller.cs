using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Agent.Facts;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// Turns a join token into an identity. The server proves itself before it is told anything, the key is created on this device, and
/// everything is stored in one step.
/// </summary>
internal sealed class Enroller(DataFolder folder, FactsReader facts)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Enrolls this device.</summary>
    /// <exception cref="EnrollmentException">The device was not enrolled, and nothing was stored.</exception>
    public async Task<Identity> EnrollAsync(
        Uri server, string tokenText, DeviceId device, string? profile, CancellationToken cancellationToken)
    {
        if (!JoinToken.TryParse(tokenText, out var token))
        {
            throw new EnrollmentException(
                "This is not a join token. A join token starts with 'fleet1.'; copy it whole from 'fleet tokens create'.",
                EnrollmentFailure.Invalid);
        }
        if (profile is not null && !Names.IsName(profile))
            throw new EnrollmentException($"Profile '{profile}' must be {Names.Rule}.", EnrollmentFailure.Invalid);
        if (server.Scheme != Uri.UriSchemeHttps)
            throw new EnrollmentException($"Server address {server} must start with https://.", EnrollmentFailure.Invalid);
        folder.Create();
        using var claimed = folder.Lock();
        if (IdentityFile.Read(folder) is { } existing)
        {
            throw new EnrollmentException(
                $"This device is already enrolled as {existing.Device} at {existing.Server}. "
                + $"To enroll it again, stop the agent and remove {folder.Identity}.",
                EnrollmentFailure.Invalid);
        }

        var (privateKey, signingRequest) = DeviceKey.Create(device);
        var request = new EnrollRequest(tokenText.Trim(), device, signingRequest, facts.Read(profile));
        var response = await PostAsync(server, token, request, cancellationToken);

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
            Server = server,
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
        TrustedTime.Store(folder, response.ServerTime);
        IdentityFile.Write(folder, identity);
        return identity;
    }

    private static async Task<EnrollResponse> PostAsync(
        Uri server, JoinToken token, EnrollRequest request, CancellationToken cancellationToken)
    {
        string? problem = null;
        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                // Called during the handshake: a server that fails this never sees the token.
                RemoteCertificateValidationCallback = (_, certificate, chain, errors)
                    => ServerTrust.IsServerOf(token.AuthorityFingerprint, certificate, chain, errors, out problem),
            },
        };
        using var http = new HttpClient(handler) { BaseAddress = server, Timeout = Deadline };
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(request, FleetJson.Default.EnrollRequest));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        try
        {
            using var response = await http.PostAsync("/enroll", content, cancellationToken);
            return await ServerAnswer.ReadAsync(response, cancellationToken);
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            throw new EnrollmentException(
                problem ?? $"No secure connection to {server}: {e.InnerException.Message}", EnrollmentFailure.Refused, e);
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
