using System.Security.Cryptography;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>Turns a join token and a signing request into a device with a certificate, and renews certificates.</summary>
internal sealed partial class Enroller(
    IFleetStore store, KnownProfiles profiles, CertificateAuthority authority, FleetKeys keys, ListenAddresses addresses,
    FleetOptions options, TimeProvider time, ILogger<Enroller> logger)
{
    /// <summary>
    /// Enrolls a device. The use of the token and the device are one commit: a token of N uses gives N devices however many ask at
    /// once.
    /// </summary>
    public async Task<Answer<EnrollResponse>> EnrollAsync(EnrollRequest request, CancellationToken cancellationToken)
    {
        if (!JoinToken.TryParse(request.Token, out var token))
            return Refusal.Invalid("This is not a join token: one has the form fleet1.ID.SECRET.FINGERPRINT.ROOT.");
        if (token.AuthorityFingerprint != authority.Fingerprint)
            return Refused("The join token is for another server: its fingerprint is not that of this server's authority.");
        if (keys.RootsFrom(token.Root) is null)
            return Refused("The join token is for another fleet: it names a root that is not among this server's.");
        if (DeviceRules.ProblemsOf(request.Facts) is { Count: > 0 } problems)
            return Refusal.Invalid("The device's facts are not valid.", problems);
        return await store.RetryAsync(_ => TryAsync(request, token, cancellationToken), cancellationToken);
    }

    /// <summary>A new certificate for a device that showed its old one.</summary>
    public Answer<EnrollResponse> Renew(DeviceId device, RenewRequest request)
    {
        var answer = Respond(device, request.CertificateSigningRequest);
        if (answer.Value is not null) LogRenewed(device);
        return answer;
    }

    private async Task<Answer<EnrollResponse>> TryAsync(EnrollRequest request, JoinToken token, CancellationToken cancellationToken)
    {
        // The same sentence for an unknown id and a wrong secret: nobody learns which ids exist.
        if (await store.FindAsync<StoredToken>(token.Id, cancellationToken) is not { } stored || !stored.Document.IsProvedBy(token.Secret))
            return Refused($"Join token {token.Id} is not known here.");
        var now = time.GetUtcNow();
        if (stored.Document.WhyNot(token.Id, now) is { } reason) return Refusal.Forbidden(reason);
        if (await store.DeviceAsync(request.DeviceId, cancellationToken) is not null)
            return Refusal.Conflict($"Device id '{request.DeviceId}' is taken: choose another.");
        var answer = Respond(request.DeviceId, request.CertificateSigningRequest, keys.RootsFrom(token.Root));
        if (answer.Value is null) return answer;

        var device = new Device
        {
            Id = request.DeviceId,
            Facts = request.Facts,
            Labels = stored.Document.Labels,
            EnrolledAt = now,
            Token = token.Id,
        }.With(request.Facts, await profiles.AllAsync(cancellationToken));
        await store.CommitAsync(
            [stored.Change(stored.Document with { Used = stored.Document.Used + 1 }), StoreChange.Create(device.Id.Value, device)],
            cancellationToken);
        LogEnrolled(device.Id, device.Profile ?? "none", token.Id, stored.Document.Used + 1, stored.Document.Uses);
        return answer;
    }

    private Answer<EnrollResponse> Respond(
        DeviceId device, string certificateSigningRequest, IReadOnlyList<DsseEnvelope>? roots = null)
    {
        try
        {
            var certificate = authority.IssueDevice(device, certificateSigningRequest, options.DeviceCertificateLifetime);
            return new EnrollResponse(
                certificate, authority.Pem, keys.Root.ReleaseKeys(), addresses.Mqtt, time.GetUtcNow(), roots);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return Refusal.Invalid(
                "The certificate signing request is broken: a PKCS#10 request in PEM, signed by the key it carries, is needed.", e.Message);
        }
    }

    private static ApiProblem Refused(string title) => new(title, StatusCodes.Status401Unauthorized, []);

    [LoggerMessage(LogLevel.Information, "Device {Device} of profile {Profile} is enrolled with token {Token} (use {Used} of {Uses})")]
    private partial void LogEnrolled(DeviceId device, string profile, string token, int used, int uses);

    [LoggerMessage(LogLevel.Information, "The certificate of device {Device} is renewed")]
    private partial void LogRenewed(DeviceId device);
}
