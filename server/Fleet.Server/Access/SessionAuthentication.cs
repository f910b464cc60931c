using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Fleet.Server.Access;

/// <summary>
/// Knows people by the cookie of their session. A browser sends it with every request, those that another site makes it send included: a
/// change needs what only a page of this server could have read.
/// </summary>
internal sealed class SessionAuthentication(
    Sessions sessions, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "Session";

    /// <summary>The claim with what a form of the session must send back.</summary>
    public const string CsrfClaim = "fleet:csrf";

    private const string Ended = "The session has ended.";

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (await sessions.FindAsync(Request, Context.RequestAborted) is not var (id, caller, csrf)) return AuthenticateResult.Fail(Ended);
        if (!HttpMethods.IsGet(Request.Method) && !HttpMethods.IsHead(Request.Method) && !await CarriesAsync(csrf))
        {
            RequestNotes.Of(Context).Who = caller.Name;
            return AuthenticateResult.Fail(
                $"A change by cookie must carry what its page was given, as {Sessions.CsrfHeader} or in the form.");
        }
        var identity = caller.ToIdentity(Scheme.Name, $"session {id}");
        identity.AddClaim(new Claim(CsrfClaim, csrf));
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    /// <inheritdoc/>
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message ?? Ended;
        await SignIn.ChallengeAsync(Context, new ApiProblem(failure, StatusCodes.Status401Unauthorized, []));
    }

    /// <inheritdoc/>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => SignIn.ForbidAsync(Context);

    private async Task<bool> CarriesAsync(string csrf)
    {
        var sent = Request.Headers[Sessions.CsrfHeader].ToString();
        if (sent.Length == 0 && Request.HasFormContentType)
            sent = (await Request.ReadFormAsync(Context.RequestAborted))[Sessions.CsrfField].ToString();
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(sent), Encoding.UTF8.GetBytes(csrf));
    }
}
