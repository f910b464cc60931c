using System.Net;
using System.Net.Http.Json;
using System.Security.Authentication;
using System.Text.Json;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part that turns what went wrong into lines that a person can act on.</summary>
internal sealed partial class FleetClient
{
    private FleetException Unreachable(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.SecureConnectionError or HttpRequestError.Unknown when e.InnerException is AuthenticationException
            => new FleetException(
            $"The certificate of {address} is not trusted: {e.InnerException.Message}",
            "Name the server's own CA with --ca FILE (the server keeps it as DATA/ca.pem), and use the host name in its certificate."),
        HttpRequestError.NameResolutionError => new FleetException(
            $"The host of {address} is not known. Name the server with --server URL or {ServerAddress.UrlVariable}."),
        _ => new FleetException(
            $"No Fleet server answers at {address}: {e.InnerException?.Message ?? e.Message}",
            $"Start one with 'fleet-server', or name another with --server URL or {ServerAddress.UrlVariable}."),
    };

    private async Task<FleetException> RefusalAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var problem = await ReadProblemAsync(response, cancellationToken);
        var status = (int)response.StatusCode;
        List<string> lines = [problem?.Title ?? $"{address} answered {status} {response.ReasonPhrase} to {request.Method} "
            + $"{request.RequestUri?.PathAndQuery}."];
        lines.AddRange(problem?.Problems.Where(line => line != problem.Title) ?? []);
        // Who is known and may not do it (403) is told by the server what it takes; another's key is not the remedy.
        if (response.StatusCode is HttpStatusCode.Unauthorized)
        {
            lines.Add(address.Key is null
                ? $"No API key was sent: name its file with --key-file FILE or {ServerAddress.KeyFileVariable}. The server keeps the "
                    + $"operator's key in DATA/keys/operator.key."
                : "The API key that was sent is not accepted: it is unknown, revoked or expired. An admin makes keys with "
                    + "'fleet api-keys create'.");
        }
        return new FleetException(lines) { Status = status };
    }

    private static async Task<ApiProblem?> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(1024 * 1024, cancellationToken);
            return await response.Content.ReadFromJsonAsync(Json.ApiProblem, cancellationToken);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or HttpRequestException or InvalidOperationException)
        {
            return null; // A proxy's page or an empty body: the status alone has to do.
        }
    }
}
