using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;

namespace Fleet.Agent.Enrollment;

/// <summary>Reads what the server answers to an enrollment or a renewal, its refusals included.</summary>
internal static class ServerAnswer
{
    /// <summary>The answer, read up to its limit.</summary>
    /// <exception cref="EnrollmentException">The server said no; the message is the server's own.</exception>
    public static async Task<EnrollResponse> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await response.Content.LoadIntoBufferAsync(Limits.EnrollmentBytes, cancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        try
        {
            if (response.IsSuccessStatusCode)
                return JsonSerializer.Deserialize(body, FleetJson.Default.EnrollResponse) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new EnrollmentException($"The server's answer does not read as one ({e.Message}): is this the port for devices?", EnrollmentFailure.Refused, e);
        }
        // A server in trouble is worth another try; a refusal is not.
        throw new EnrollmentException($"The server refused: {Describe(body, (int)response.StatusCode)}", (int)response.StatusCode >= 500 ? EnrollmentFailure.Unreachable : EnrollmentFailure.Refused);
    }

    /// <summary>A refusal in the server's own words.</summary>
    public static string Describe(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, FleetJson.Default.ApiProblem) is { } problem)
                return Limits.Detail(string.Join(' ', problem.Problems.Prepend(problem.Title).Distinct()));
        }
        catch (JsonException)
        {
            // Something else than our server answered; the status is all there is to say.
        }
        return $"HTTP status {status}.";
    }
}
