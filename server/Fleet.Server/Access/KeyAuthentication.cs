using System.Net;
using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Fleet.Server.Access;

/// <summary>Knows operators and workers by <c>Authorization: Bearer KEY</c>; a browser may read with the key as its password.</summary>
internal sealed partial class KeyAuthentication(
    ApiKeys keys, FailureLimit failures, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers,
    UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "Key";

    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    private bool _slowedDown;

    private IPAddress Address => Context.Connection.RemoteIpAddress ?? IPAddress.None;

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // What judges its caller itself may be sent a credential of another kind than a key.
        if (Request.Headers.Authorization.Count == 0
            || Context.GetEndpoint()?.Metadata.GetMetadata<RoleStatement>()?.Role == RoleStatement.Everybody)
            return AuthenticateResult.NoResult();
        var found = await keys.FindAsync(KeyOf(Request), Context.RequestAborted);
        if (found.Caller is { } caller)
        {
            var user = new ClaimsPrincipal(caller.ToIdentity(Scheme.Name, found.Id));
            return AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name));
        }
        RequestNotes.Of(Context).Who = found.Who;
        // A valid key is never turned away: one worker with a wrong key must not lock out the operator beside it.
        if (failures.IsExceededBy(Address))
        {
            _slowedDown = true;
            return AuthenticateResult.Fail("Too many wrong keys came from this address: wait a minute.");
        }
        failures.Count(Address);
        LogRefused(Logger, Address, Request.Method, Request.Path);
        return AuthenticateResult.Fail(found.Problem);
    }

    /// <inheritdoc/>
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message;
        var status = _slowedDown ? StatusCodes.Status429TooManyRequests : StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = MayBeBrowser(Request) ? "Basic realm=\"fleet (the password is an API key)\"" : "Bearer";
        await new Contracts.Http.ApiProblem(
            failure ?? $"{Request.Path} needs an API key: send Authorization: Bearer KEY.", status, []).ToResult().ExecuteAsync(Context);
    }

    /// <summary>
    /// The key of a request. A browser asks its user for a name and a password; the password is the key then. Only for reading: a
    /// browser sends what it remembers with every request, those that another site makes it send included.
    /// </summary>
    private static string? KeyOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return header[Bearer.Length..];
        if (!header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) || !IsRead(request)) return null;
        var buffer = new byte[header.Length];
        return Convert.TryFromBase64String(header[Basic.Length..], buffer, out var length)
            ? Encoding.UTF8.GetString(buffer, 0, length).Split(':', 2)[^1]
            : null;
    }

    private static bool IsRead(HttpRequest request) => HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);

    private static bool MayBeBrowser(HttpRequest request)
        => IsRead(request) && request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal);

    /// <inheritdoc/>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
        => new Contracts.Http.ApiProblem(
            $"'{Caller.Of(Context.User).Name}' has the role {string.Join(" and ", Caller.Of(Context.User).Roles)}; "
                + $"{Request.Method} {Request.Path} needs {Needed()}.",
            StatusCodes.Status403Forbidden, []).ToResult().ExecuteAsync(Context);

    private string Needed()
        => string.Join(" or ", Roles.ThatPass(Context.GetEndpoint()?.Metadata.GetMetadata<RoleStatement>()?.Role ?? Roles.Admin));

    [LoggerMessage(LogLevel.Warning, "An unknown API key was sent from {Caller} for {Method} {Path}")]
    private static partial void LogRefused(ILogger logger, IPAddress caller, string method, PathString path);
}
