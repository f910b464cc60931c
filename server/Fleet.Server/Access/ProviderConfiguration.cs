using Fleet.Server.Http;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Fleet.Server.Access;

/// <summary>
/// What the provider of identities says about itself. A provider that is away or silent is said to be, where it would look like a fault of
/// this server.
/// </summary>
internal sealed class ProviderConfiguration(
    IConfigurationManager<OpenIdConnectConfiguration> fetched, AccessOptions options) : IConfigurationManager<OpenIdConnectConfiguration>
{
    /// <inheritdoc/>
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        // For each who waits: what fetches lets one ask after the other, and a provider that hangs would let the last wait for all of them.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(options.OpenIdPatience);
        try
        {
            return await fetched.GetConfigurationAsync(patience.Token).WaitAsync(patience.Token);
        }
        // A time that ran out is a cancellation too, and not the caller's.
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            throw Unreachable(options.OpenIdAuthority, e);
        }
    }

    /// <inheritdoc/>
    public void RequestRefresh() => fetched.RequestRefresh();

    /// <summary>The sentence about a provider that does not answer.</summary>
    public static UnavailableException Unreachable(string? authority, Exception e)
        => new($"The provider of identities at {authority} cannot be reached: try again later, or with an API key.", e);

    /// <summary>True when a way back failed because the provider did not answer, and not because of who came.</summary>
    public static bool IsUnreachable(Exception? e)
        => e is UnavailableException or HttpRequestException or OperationCanceledException
            || (e?.InnerException is { } inner && IsUnreachable(inner));
}
