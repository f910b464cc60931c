using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Fleet.Server.Access;

/// <summary>Knows people, programs and workers by <c>Authorization: Bearer KEY</c>.</summary>
internal sealed partial class KeyAuthentication(
    ApiKeys keys, FailureLimit failures, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "Key";

    /// <summary>How a key is sent.</summary>
    public const string Bearer = "Bearer ";

    private bool _slowedDown;

    private IPAddress Address => Context.Connection.RemoteIpAddress ?? IPAddress.None;

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        var key = header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..] : null;
        // What judges its caller itself may be sent a credential of another kind than a key.
        if (header.Length == 0 || (key is null
            && Context.GetEndpoint()?.Metadata.GetMetadata<RoleStatement>()?.Role == RoleStatement.Everybody))
            return AuthenticateResult.NoResult();
        var found = await keys.FindAsync(key, Context.RequestAborted);
        if (found.Caller is { } caller)
        {
            var user = new ClaimsPrincipal(caller.ToIdentity(Scheme.Name, found.Id));
            return AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name));
        }
        RequestNotes.Of(Context).Who = found.Who;
        // A valid key is never turned away: one worker with a wrong key must not lock out the operator beside it.
        _slowedDown = failures.IsTooMany(Address);
        if (_slowedDown) return AuthenticateResult.Fail("Too many wrong keys came from this address: wait a minute.");
        LogRefused(Logger, Address, Request.Method, Request.Path);
        return AuthenticateResult.Fail(found.Problem);
    }

    /// <inheritdoc/>
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message;
        await SignIn.ChallengeAsync(Context, new ApiProblem(
            failure ?? $"{Request.Path} needs an API key: send Authorization: Bearer KEY.",
            _slowedDown ? StatusCodes.Status429TooManyRequests : StatusCodes.Status401Unauthorized, []));
    }

    /// <inheritdoc/>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => SignIn.ForbidAsync(Context);

    [LoggerMessage(LogLevel.Warning, "An unknown API key was sent from {Caller} for {Method} {Path}")]
    private static partial void LogRefused(ILogger logger, IPAddress caller, string method, PathString path);
}
