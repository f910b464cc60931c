using System.Security.Claims;
using System.Text.Encodings.Web;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Fleet.Server.Enrollment;

/// <summary>Knows devices by the certificate of their connection, by the same rule as the broker.</summary>
internal sealed class CertificateAuthentication(
    CertificateAuthority authority, DeviceGate gate, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers,
    UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "Certificate";

    /// <summary>The device that makes a request of the devices' group.</summary>
    public static DeviceId DeviceOf(ClaimsPrincipal user) => DeviceId.Parse(user.FindFirstValue(ClaimTypes.Name));

    /// <inheritdoc/>
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var certificate = await Context.Connection.GetClientCertificateAsync();
        if (certificate is null || authority.DeviceOf(certificate) is not { } device) return AuthenticateResult.NoResult();
        if (await gate.WhyRefusedAsync(device, certificate, Context.RequestAborted) is { } reason)
            return AuthenticateResult.Fail($"{char.ToUpperInvariant(reason[0])}{reason[1..]}.");
        var identity = new ClaimsIdentity(
            [new Claim(ClaimTypes.Name, device.Value), new Claim(ClaimTypes.Role, Roles.Device)], Scheme.Name);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    /// <inheritdoc/>
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message;
        var problem = failure is null
            ? new ApiProblem($"{Request.Path} needs a device's certificate.", StatusCodes.Status401Unauthorized, [])
            : new ApiProblem(failure, StatusCodes.Status403Forbidden, []);
        await problem.ToResult().ExecuteAsync(Context);
    }
}
