using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Messaging;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>Turns a join token and a signing request into a device with a certificate.</summary>
internal sealed partial class Enroller(
    IFleetStore store, KnownProfiles profiles, CertificateAuthority authority, FleetKeys keys, Issuer issuer, DeviceOutbox outbox,
    DeviceTraffic traffic, CloneWatch clones, DeviceChanges observers, FleetOptions options, TimeProvider time, ILogger<Enroller> logger)
{
    /// <summary>
    /// Enrolls a device. The use of the token, the device and its certificate are one commit: a token of N uses gives N devices however
    /// many ask at once, and whoever asks again with the same key gets the same certificate.
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
        // Before the request is read: verifying a signature is work that a stranger does not get for nothing.
        if (await TokenAsync(token, cancellationToken) is null) return Unknown(token);
        if (!SigningRequest.TryRead(request.CertificateSigningRequest, out var signing, out var problem))
            return RefusedRequest(problem);
        var answer = await store.RetryAsync(
            _ => TryAsync(new Asked(request.DeviceId, token, signing, request.Facts), cancellationToken), cancellationToken);
        if (answer.Value is { IsNew: true }) observers.Tell(request.DeviceId);
        if (answer.Value is { CutsConnection: true })
        {
            // Whatever was done with the keys before is not held against the new one.
            traffic.Forget(request.DeviceId);
            clones.Settled(request.DeviceId);
            await outbox.DisconnectAsync(request.DeviceId, "Another key was enrolled for this device.");
        }
        return answer.Value is { } enrolled
            ? issuer.AnswerWith(enrolled.Certificate, keys.RootsFrom(token.Root))
            : answer.Problem!;
    }

    /// <summary>The refusal of a signing request, from whoever it came.</summary>
    public static ApiProblem RefusedRequest(string problem) => Refusal.Invalid(
        "The certificate signing request is refused: a PKCS#10 request, signed by the key it carries, is needed.", problem);

    /// <summary>The device that a request asks for.</summary>
    public async Task<Device> DeviceOfAsync(
        PendingEnrollment request, DeviceId id, IReadOnlyDictionary<string, string> labels, CancellationToken cancellationToken)
        => new Device
        {
            Id = id,
            Facts = request.Facts,
            Labels = labels,
            EnrolledAt = time.GetUtcNow(),
            Token = request.Token,
        }.With(request.Facts, await profiles.AllAsync(cancellationToken));

    /// <summary>The changes that make it part of the fleet, and its certificate.</summary>
    public async Task<(IReadOnlyList<StoreChange> Changes, IssuedCertificate Certificate)> JoinAsync(
        Device device, PublicKey key, CancellationToken cancellationToken)
    {
        var issued = issuer.Issue(device.Id, key);
        return (
            [
                StoreChange.Create(device.Id.Value, device),
                await store.RecordAsync(device.Id, issued, new DeviceCertificate(), cancellationToken),
            ],
            issued);
    }

    private async Task<Answer<Enrolled>> TryAsync(Asked asked, CancellationToken cancellationToken)
    {
        var (id, token) = (asked.Device, asked.Token);
        if (await TokenAsync(token, cancellationToken) is not { } stored) return Unknown(token);
        var existing = await store.DeviceAsync(id, cancellationToken);
        if (existing?.Document is { } device && device.Token == token.Id
            && await CertificateOfAsync(id, asked.Request, cancellationToken) is { } given)
            return device.IsRevoked ? Refusal.Forbidden($"Device {id} is revoked.") : new Enrolled(given);
        var waiting = await store.FindAsync<PendingEnrollment>(id.Value, cancellationToken);
        if (waiting?.Document.IsOf(token.Id, asked.Request) == true) return WaitFor(id, waiting.Document);

        // Before the token is judged: by a clock that is wrong it may seem to have expired.
        if (issuer.Problem() is { } clock) return clock;
        if ((stored.Document.WhyNot(token.Id, time.GetUtcNow()) ?? stored.Document.WhyNotFor(token.Id, id)) is { } reason)
            return Refusal.Forbidden(reason);
        if (stored.Document.WhyNotBack(token.Id, existing?.Document) is { } gone) return Refusal.Forbidden(gone);
        var use = stored.Change(stored.Document with { Used = stored.Document.Used + 1 });
        if (existing is not null)
            return stored.Document.Reenrolls == id ? await ReenrollAsync(asked, existing, use, cancellationToken) : Taken(id);
        if (DeviceIdRules.ProblemOf(id, ServerCertificate.NamesOf(options)) is { } problem) return Refusal.Invalid(problem);
        return stored.Document.Approve
            ? await QueueAsync(asked, waiting, use, cancellationToken)
            : await JoinAsync(asked, stored.Document, use, cancellationToken);
    }

    private async Task<Answer<Enrolled>> JoinAsync(Asked asked, StoredToken token, StoreChange use, CancellationToken cancellationToken)
    {
        var device = await DeviceOfAsync(asked.ToPending(time.GetUtcNow()), asked.Device, token.Labels, cancellationToken);
        var (changes, certificate) = await JoinAsync(device, asked.Request.Key, cancellationToken);
        await store.CommitAsync([use, .. changes], cancellationToken);
        LogEnrolled(asked.Device, asked.Token.Id, certificate.Serial);
        return new Enrolled(certificate, IsNew: true);
    }

    /// <summary>
    /// A new key under an old name: labels, assignments and history stay, the certificates before are refused from now on. What the device
    /// said last is forgotten, for nobody knows what the new one has.
    /// </summary>
    private async Task<Answer<Enrolled>> ReenrollAsync(
        Asked asked, Stored<Device> existing, StoreChange use, CancellationToken cancellationToken)
    {
        var device = (existing.Document with { Token = asked.Token.Id, RevokedAt = null })
            .With(asked.Facts, await profiles.AllAsync(cancellationToken));
        var (issued, now) = (issuer.Issue(asked.Device, asked.Request.Key), time.GetUtcNow());
        var changes = new List<StoreChange>
        {
            use, existing.Change(device),
            await store.RecordAsync(asked.Device, issued, DeviceCertificate.Unrecorded(now), cancellationToken),
        };
        changes.AddRange(await store.WithdrawalsAsync(asked.Device, now, cancellationToken, but: asked.Token.Id));
        if (await store.FindAsync<DeviceReported>(asked.Device.Value, cancellationToken) is { } said) changes.Add(said.Removal());
        var (desired, change) = await store.DesiredAsync(asked.Device, cancellationToken);
        if (desired.Reenrolled() is var begun && !ReferenceEquals(begun, desired)) changes.Add(change(begun));
        // A number by the clock of the board before would keep its reports out.
        if (await store.FindAsync<ImportedReport>(asked.Device.Value, cancellationToken) is { } carried) changes.Add(carried.Removal());
        await store.CommitAsync(changes, cancellationToken);
        LogReenrolled(asked.Device, asked.Token.Id, issued.Serial);
        return new Enrolled(issued, IsNew: true, CutsConnection: true);
    }

    private async Task<Answer<Enrolled>> QueueAsync(
        Asked asked, Stored<PendingEnrollment>? waiting, StoreChange use, CancellationToken cancellationToken)
    {
        if (waiting is { Document.RejectedAt: null })
            return Refusal.Conflict($"Another device waits for approval under the id '{asked.Device}'.");
        var pending = asked.ToPending(time.GetUtcNow());
        await store.CommitAsync(
            [use, waiting is null ? StoreChange.Create(asked.Device.Value, pending) : waiting.Change(pending)], cancellationToken);
        LogWaits(asked.Device, asked.Token.Id);
        return WaitFor(asked.Device, pending);
    }

    private async Task<IssuedCertificate?> CertificateOfAsync(DeviceId id, SigningRequest request, CancellationToken cancellationToken)
        => (await store.FindAsync<DeviceCertificate>(id.Value, cancellationToken))?.Document.Current is { } current
            && current.KeyHash == request.KeyHash
            ? current
            : null;

    private static ApiProblem WaitFor(DeviceId id, PendingEnrollment pending) => pending.RejectedAt is null
        ? new ApiProblem(
            $"Device {id} waits for an operator's approval: 'fleet devices approve {id}'.", StatusCodes.Status202Accepted,
            [$"Its key has the fingerprint {IssuedCertificate.KeyHashOf(pending.Key())}."])
        : Refusal.Forbidden($"An operator rejected device {id}.");

    private async Task<Stored<StoredToken>?> TokenAsync(JoinToken token, CancellationToken cancellationToken)
        => await store.FindAsync<StoredToken>(token.Id, cancellationToken) is { } stored && stored.Document.IsProvedBy(token.Secret)
            ? stored
            : null;

    /// <summary>The same sentence for an unknown id and a wrong secret: nobody learns which ids exist.</summary>
    private static ApiProblem Unknown(JoinToken token) => Refused($"Join token {token.Id} is not known here.");

    private static ApiProblem Taken(DeviceId id) => Refusal.Conflict(
        $"Device id '{id}' is taken. Where this is that device, or a new board in its place, an operator lets it back: "
        + $"fleet devices reenroll {id}. Else choose another id.");

    private static ApiProblem Refused(string title) => new(title, StatusCodes.Status401Unauthorized, []);

    [LoggerMessage(LogLevel.Information, "Device {Device} is enrolled with token {Token} (certificate {Serial})")]
    private partial void LogEnrolled(DeviceId device, string token, string serial);

    [LoggerMessage(LogLevel.Information, "Device {Device} is enrolled again with token {Token} and a new key (certificate {Serial})")]
    private partial void LogReenrolled(DeviceId device, string token, string serial);

    [LoggerMessage(LogLevel.Information, "Device {Device}, which came with token {Token}, waits for approval")]
    private partial void LogWaits(DeviceId device, string token);

    /// <summary>A request that was read.</summary>
    private sealed record Asked(DeviceId Device, JoinToken Token, SigningRequest Request, DeviceFacts Facts)
    {
        public PendingEnrollment ToPending(DateTimeOffset now) => new()
        {
            Token = Token.Id,
            PublicKey = Request.Key.ExportSubjectPublicKeyInfo(),
            Facts = Facts,
            AskedAt = now,
        };
    }

    /// <summary>What came of it.</summary>
    private sealed record Enrolled(IssuedCertificate Certificate, bool IsNew = false, bool CutsConnection = false);
}
