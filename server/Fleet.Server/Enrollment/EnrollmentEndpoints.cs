using System.Net;
using Fleet.Contracts;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Server.Access;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Authentication;

namespace Fleet.Server.Enrollment;

/// <summary>The room of enrollment: what it registers, and what operators and devices may call.</summary>
internal static class EnrollmentEndpoints
{
    private const int MaximumUses = 100_000;
    private const string RetrySeconds = "15";
    private static readonly TimeSpan LongestValidity = TimeSpan.FromDays(365);

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddEnrollment(this IServiceCollection services)
    {
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, CertificateAuthentication>(
            CertificateAuthentication.SchemeName, null);
        services.AddAuthorizationBuilder().AddPolicy(
            Roles.Device, policy => policy.AddAuthenticationSchemes(CertificateAuthentication.SchemeName).RequireRole(Roles.Device));
        return services
            .AddLogging(logging => logging.AddFilter(typeof(CertificateAuthentication).FullName, LogLevel.Warning))
            .AddDocument("token", EnrollmentJson.Default.StoredToken)
            .AddDocument("certificate", EnrollmentJson.Default.DeviceCertificate)
            .AddDocument("pendingEnrollment", EnrollmentJson.Default.PendingEnrollment)
            .AddSingleton<DeviceGate>()
            .AddSingleton<IDeviceGate>(provider => provider.GetRequiredService<DeviceGate>())
            .AddSingleton<IDeviceIdentities, DeviceIdentities>()
            .AddSingleton<CloneWatch>()
            .AddSingleton<IConnectionObserver>(provider => provider.GetRequiredService<CloneWatch>())
            .AddSingleton<IDeviceEnd>(provider => provider.GetRequiredService<CloneWatch>())
            .AddHostedService(provider => provider.GetRequiredService<CloneWatch>())
            .AddSingleton<EnrollmentRetention>()
            .AddHostedService(provider => provider.GetRequiredService<EnrollmentRetention>())
            .AddSingleton<Issuer>()
            .AddSingleton<Enroller>()
            .AddSingleton<Approvals>()
            .AddSingleton<Renewal>()
            .AddSingleton<DeviceLife>();
    }

    /// <summary>What devices call, known by their certificates.</summary>
    public static RouteGroupBuilder MapDeviceCalls(this IEndpointRouteBuilder app) => app.MapGroup("").ForDevices();

    /// <summary>Maps <c>/api/v1/tokens</c>.</summary>
    public static void MapTokens(this IEndpointRouteBuilder operators)
    {
        var tokens = operators.MapGroup("/api/v1/tokens");
        tokens.MapPost("/", CreateAsync).ForOperators().Takes<CreateTokenRequest>().Tells<CreateTokenResponse>(
            "CreateToken", "Makes a join token; its text is shown this once.", StatusCodes.Status201Created);
        tokens.MapGet("/", async (
            [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var stored = await store.AllAsync<StoredToken>("", cancellationToken)
                .Where(async (token, _, stop) => await store.IsSeenAsync(caller, token.Document, stop)).ToListAsync(cancellationToken);
            IReadOnlyList<TokenView> views = [.. stored.OrderByDescending(token => token.Document.CreatedAt)
                .Select(token => token.Document.ToView(token.Id))];
            return Paging.PageOf(context, page, views, view => view.Id, FleetJson.Default.IReadOnlyListTokenView);
        }).ForViewers().Tells<IReadOnlyList<TokenView>>("ListTokens", "Lists join tokens, the newest first.");
        tokens.MapDelete("/{id}", async (
            string id, Caller caller, IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
            // A token whose devices the caller does not see is answered like one that is not there.
            => (await store.FindAsync<StoredToken>(id, cancellationToken) is { Document: var known }
                && !await store.IsSeenAsync(caller, known, cancellationToken)) || await store.UpdateAsync<StoredToken>(
                id, token => token with { RevokedAt = token.RevokedAt ?? time.GetUtcNow() }, cancellationToken) is null
                ? Refusal.Unknown($"There is no join token '{id}'.").ToResult()
                : Results.NoContent()).ForOperators().TellsNothing("RevokeToken", "Revokes a join token.");
    }

    /// <summary>Maps <c>/enroll</c>, which a join token opens.</summary>
    public static void MapEnroll(this IEndpointRouteBuilder app)
        => app.MapPost("/enroll", async (HttpContext context, CancellationToken cancellationToken) =>
        {
            var sent = await RequestBody.ReadAsync(
                context.Request, FleetJson.Default.EnrollRequest, cancellationToken, Limits.EnrollmentBytes);
            return sent.Value is null
                ? sent.Problem!.ToResult()
                : (await AskAsync(context, sent.Value, cancellationToken)).ToResult(FleetJson.Default.EnrollResponse);
        }).ForEverybody().WithMetadata(new Routine(StatusCodes.Status202Accepted));

    /// <summary>Asks to enroll a device, however it put that. Guessing is slowed down; a right token is never turned away.</summary>
    internal static async Task<Answer<EnrollResponse>> AskAsync(
        HttpContext context, EnrollRequest request, CancellationToken cancellationToken)
    {
        RequestNotes.Of(context).Who = $"device {request.DeviceId}";
        var services = context.RequestServices;
        var (caller, failures) = (context.Connection.RemoteIpAddress ?? IPAddress.None, services.GetRequiredService<FailureLimit>());
        var answer = await services.GetRequiredService<Enroller>().EnrollAsync(request, cancellationToken);
        if (answer.Problem?.Status == StatusCodes.Status202Accepted) context.Response.Headers.RetryAfter = RetrySeconds;
        if (answer.Problem?.Status != StatusCodes.Status401Unauthorized) return answer;
        return failures.IsTooMany(caller)
            ? new ApiProblem(
                "Too many wrong join tokens came from this address: wait a minute.", StatusCodes.Status429TooManyRequests, [])
            : answer;
    }

    /// <summary>True when it lets devices in that the caller sees: by their labels, or the one device that it lets back.</summary>
    private static async Task<bool> IsSeenAsync(
        this IFleetStore store, Caller caller, StoredToken token, CancellationToken cancellationToken) => token.Reenrolls is { } device
            ? await store.DeviceAsync(caller, device.Value, cancellationToken) is not null
            : DeviceRules.WhyNot(caller, token.Labels) is null;

    private static List<string> ProblemsOf(CreateTokenRequest asked)
    {
        var problems = new List<string>(DeviceRules.ProblemsOf(asked.Labels));
        if (asked.Uses is < 1 or > MaximumUses) problems.Add($"uses {asked.Uses} must be within 1..{MaximumUses}.");
        if (asked.ValidFor <= TimeSpan.Zero || asked.ValidFor > LongestValidity)
            problems.Add($"validFor {asked.ValidFor} must be above zero and at most {LongestValidity.Days} days.");
        if (IdPatterns.ProblemOf(asked.IdPattern) is { } problem) problems.Add(problem);
        return problems;
    }

    private static async Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, IFleetStore store, CertificateAuthority authority, FleetKeys keys,
        ListenAddresses addresses, TimeProvider time, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.CreateTokenRequest, cancellationToken);
        if (sent.Value is not { } asked) return sent.Problem!.ToResult();
        if (ProblemsOf(asked) is { Count: > 0 } problems) return Refusal.Invalid("The join token is not valid.", problems).ToResult();
        if (DeviceRules.WhyNot(caller, asked.Labels) is { } reason) return Refusal.Forbidden(reason).ToResult();

        var token = JoinToken.Create(authority.Fingerprint, keys.Roots[^1].Digest());
        var now = time.GetUtcNow();
        var stored = new StoredToken
        {
            SecretHash = JoinToken.HashOf(token.Secret),
            Uses = asked.Uses,
            CreatedAt = now,
            ExpiresAt = now + asked.ValidFor,
            Labels = asked.Labels ?? new Dictionary<string, string>(),
            IdPattern = asked.IdPattern,
            Approve = asked.Approve,
        };
        await store.CommitAsync([StoreChange.Create(token.Id, stored)], cancellationToken);
        var answer = new CreateTokenResponse(token.Id, token.Reveal(), stored.ExpiresAt, addresses.Devices);
        return Results.Json(answer, FleetJson.Default.CreateTokenResponse, statusCode: StatusCodes.Status201Created);
    }
}
