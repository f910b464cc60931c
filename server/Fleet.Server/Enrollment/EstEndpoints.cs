using System.Net.Http.Headers;
using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Http;

namespace Fleet.Server.Enrollment;

/// <summary>
/// Enrollment over Secure Transport (RFC 7030), for clients that are not ours: the device id is the user of HTTP Basic, the join token its
/// password. What is decided is what <c>/enroll</c> and <c>/renew</c> decide; only the form of the messages is another.
/// </summary>
internal static class EstEndpoints
{
    private const string Folder = "/.well-known/est";
    private const string Basic = "Basic";

    /// <summary>What nothing is known of: an EST client says nothing about itself. The device tells when it connects.</summary>
    private static readonly DeviceFacts NoFacts = new() { Architecture = "unknown" };

    /// <summary>Maps what needs no certificate: the authority's own, and the enrollment, which a join token opens.</summary>
    public static void MapEst(this IEndpointRouteBuilder app)
    {
        app.MapGet(Folder + "/cacerts", (HttpContext context, CertificateAuthority authority) => Certificates(context, authority.Public))
            .ForEverybody();
        app.MapPost(Folder + "/simpleenroll", EnrollAsync).ForEverybody()
            .WithMetadata(new Routine(StatusCodes.Status202Accepted));
    }

    /// <summary>Maps the renewal, which the certificate opens that a device has.</summary>
    public static void MapEstRenewal(this IEndpointRouteBuilder devices) => devices.MapPost(Folder + "/simplereenroll", RenewAsync);

    private static async Task<IResult> EnrollAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (CredentialsOf(context.Request) is not var (device, token))
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"fleet (the user is the device id, the password its join token)\"";
            return new ApiProblem("A device id and a join token are needed.", StatusCodes.Status401Unauthorized, []).ToResult();
        }
        var sent = await RequestAsync(context.Request, cancellationToken);
        if (sent.Value is null) return sent.Problem!.ToResult();
        var request = new EnrollRequest(token, device, sent.Value, NoFacts);
        var answer = await EnrollmentEndpoints.AskAsync(context, request, cancellationToken);
        return answer.Value is { } enrolled ? Certificates(context, enrolled) : answer.Problem!.ToResult();
    }

    private static async Task<IResult> RenewAsync(
        HttpContext context, ClaimsPrincipal user, Renewal renewal, CancellationToken cancellationToken)
    {
        var sent = await RequestAsync(context.Request, cancellationToken);
        if (sent.Value is null) return sent.Problem!.ToResult();
        if (!SigningRequest.TryRead(sent.Value, out var request, out var problem)) return Enroller.RefusedRequest(problem).ToResult();
        var certificate = await context.Connection.GetClientCertificateAsync(cancellationToken);
        var answer = await renewal.RenewAsync(CertificateAuthentication.DeviceOf(user), certificate!, request, cancellationToken);
        return answer.Value is { } renewed ? Certificates(context, renewed) : answer.Problem!.ToResult();
    }

    /// <summary>The signing request of a body (section 4.2.1), as PEM.</summary>
    private static async Task<Answer<string>> RequestAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadBytesAsync(request, Limits.EnrollmentBytes, cancellationToken);
        if (sent.Value is null) return sent.Problem!;
        var text = Encoding.ASCII.GetString(sent.Value);
        var der = new byte[text.Length];
        return Convert.TryFromBase64String(text, der, out var length)
            ? System.Security.Cryptography.PemEncoding.WriteString("CERTIFICATE REQUEST", der.AsSpan(0, length))
            : Refusal.Invalid("The body must be a PKCS#10 request in Base64, as RFC 7030 says.");
    }

    private static (DeviceId Device, string Token)? CredentialsOf(HttpRequest request)
    {
        if (!AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out var header) || header.Parameter is not { } parameter
            || !header.Scheme.Equals(Basic, StringComparison.OrdinalIgnoreCase))
            return null;
        var buffer = new byte[parameter.Length];
        return Convert.TryFromBase64String(parameter, buffer, out var length)
            && Encoding.UTF8.GetString(buffer, 0, length).Split(':', 2) is [var user, var password]
            && DeviceId.TryParse(user, out var device)
            ? (device, password)
            : null;
    }

    private static IResult Certificates(HttpContext context, EnrollResponse answer)
    {
        using var certificate = X509Certificate2.CreateFromPem(answer.Certificate);
        return Certificates(context, certificate);
    }

    /// <summary>Certificates alone, as PKCS#7 without signatures, in Base64 (section 4.1.3).</summary>
    private static IResult Certificates(HttpContext context, X509Certificate2 certificate)
    {
        var bytes = new X509Certificate2Collection(certificate).Export(X509ContentType.Pkcs7)!;
        context.Response.Headers["Content-Transfer-Encoding"] = "base64";
        return Results.Text(
            Convert.ToBase64String(bytes, Base64FormattingOptions.InsertLineBreaks) + "\r\n",
            "application/pkcs7-mime; smime-type=certs-only");
    }
}
