using System.Security.Authentication;
using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// Follows a server that was renamed or moved. Whoever answers at the new address proves to be the same server by its authority, the only
/// one that this device trusts, and it must know this device.
/// </summary>
internal sealed class ServerMove(DataFolder folder)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Asks the server at its new address who this device is, and keeps the address when the answer is right.</summary>
    /// <exception cref="EnrollmentException">It is not the same server, or does not know this device. Nothing was changed.</exception>
    public async Task<Identity> MoveAsync(Uri server, CancellationToken cancellationToken)
    {
        if (server.Scheme != Uri.UriSchemeHttps)
            throw new EnrollmentException($"Server address {server} must start with https://.", EnrollmentFailure.Invalid);
        IdentityFile.Require(folder); // Where no agent ever was there is no folder to claim.
        using var claimed = folder.Lock();
        var identity = IdentityFile.Require(folder);
        var moved = identity with { Server = server };
        var self = await AskAsync(new DeviceCredentials(folder, moved, new TrustedTime(folder, TimeProvider.System)), cancellationToken);
        if (self.Device != identity.Device)
            throw new EnrollmentException(
                $"The server at {server} takes this device for {self.Device}, not for {identity.Device}.", EnrollmentFailure.Refused);
        moved = moved with { Mqtt = self.Mqtt };
        IdentityFile.Write(folder, moved);
        return moved;
    }

    private static async Task<SelfResponse> AskAsync(DeviceCredentials credentials, CancellationToken cancellationToken)
    {
        var server = credentials.Identity.Server;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Deadline);
        try
        {
            using var http = credentials.OpenHttp();
            using var response = await http.GetAsync("/self", limit.Token);
            await response.Content.LoadIntoBufferAsync(Limits.EnrollmentBytes, limit.Token);
            var body = await response.Content.ReadAsByteArrayAsync(limit.Token);
            if (!response.IsSuccessStatusCode)
                throw new EnrollmentException(
                    $"The server at {server} refused: {ServerAnswer.Describe(body, (int)response.StatusCode)}", EnrollmentFailure.Refused);
            return JsonSerializer.Deserialize(body, WireJson.Default.SelfResponse) ?? throw new JsonException("it is empty");
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            throw new EnrollmentException(
                $"{server} is not the server of this device: {e.InnerException.Message}", EnrollmentFailure.Refused, e);
        }
        catch (Exception e) when (e is HttpRequestException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new EnrollmentException($"The server at {server} did not answer: {e.Message}", EnrollmentFailure.Unreachable, e);
        }
        catch (JsonException e)
        {
            throw new EnrollmentException(
                $"The answer of {server} cannot be read ({e.Message}). Is this the port for devices?", EnrollmentFailure.Refused, e);
        }
    }
}
