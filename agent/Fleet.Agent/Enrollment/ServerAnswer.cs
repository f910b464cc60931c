using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Agent.Enrollment;

/// <summary>Reads the server's answer to an enrollment or a renewal, refusals included.</summary>
internal static class ServerAnswer
{
    /// <summary>Reads an answer up to its size limit.</summary>
    /// <exception cref="EnrollmentException">The server refused, or has not decided yet; the message is the server's own.</exception>
    public static async Task<EnrollResponse> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await response.Content.LoadIntoBufferAsync(Limits.EnrollmentAnswerBytes, cancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        if (response.StatusCode == HttpStatusCode.Accepted)
            throw new EnrollmentException(Describe(body, (int)response.StatusCode), EnrollmentFailure.Waiting);
        try
        {
            if (response.IsSuccessStatusCode)
                return JsonSerializer.Deserialize(body, WireJson.Default.EnrollResponse) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new EnrollmentException(
                $"The server's answer cannot be read ({e.Message}). Is this the port for devices?", EnrollmentFailure.Refused, e);
        }
        // A server in trouble is worth another try; a refusal is not.
        var status = (int)response.StatusCode;
        throw new EnrollmentException(
            $"The server refused: {Describe(body, status)}", status >= 500 ? EnrollmentFailure.Unreachable : EnrollmentFailure.Refused);
    }

    /// <summary>A refusal in the server's own words.</summary>
    public static string Describe(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, WireJson.Default.ApiProblem) is { } problem)
                return Limits.Detail(string.Join(' ', problem.Problems.Prepend(problem.Title).Distinct()));
        }
        catch (JsonException)
        {
            // Something other than our server answered; the status is all there is.
        }
        return $"HTTP status {status}.";
    }
}
