using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Fleet.Server.Access;

/// <summary>Knows operators and workers by <c>Authorization: Bearer KEY</c>.</summary>
internal sealed partial class KeyAuthentication(
    IFleetStore store, FailureLimit failures, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "Key";

    private const string Bearer = "Bearer ";

    private IPAddress Caller => Context.Connection.RemoteIpAddress ?? IPAddress.None;

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (header.Length == 0) return AuthenticateResult.NoResult();
        if (failures.IsExceededBy(Caller)) return AuthenticateResult.Fail("Too many wrong keys came from this address: wait a minute.");
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            && ApiKey.TryParse(header[Bearer.Length..], out var id, out var secret)
            && await store.FindAsync<ApiKey>(id, Context.RequestAborted) is { Document: var key }
            && key.IsProvedBy(secret))
        {
            var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, id), new Claim(ClaimTypes.Role, key.Role)], Scheme.Name);
            return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
        }
        failures.Count(Caller);
        LogRefused(Logger, Caller, Request.Method, Request.Path);
        return AuthenticateResult.Fail("The API key is not known.");
    }

    /// <inheritdoc/>
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message;
        var status = failures.IsExceededBy(Caller) && failure is not null ? StatusCodes.Status429TooManyRequests : StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = "Bearer";
        await new Contracts.Http.ApiProblem(failure ?? $"{Request.Path} needs an API key: send Authorization: Bearer KEY.", status, []).ToResult().ExecuteAsync(Context);
    }

    /// <inheritdoc/>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
        => new Contracts.Http.ApiProblem($"A key of role {Context.User.FindFirstValue(ClaimTypes.Role)} may not call {Request.Path}.", StatusCodes.Status403Forbidden, []).ToResult().ExecuteAsync(Context);

    [LoggerMessage(LogLevel.Warning, "An unknown API key was sent from {Caller} for {Method} {Path}")]
    private static partial void LogRefused(ILogger logger, IPAddress caller, string method, PathString path);
}
