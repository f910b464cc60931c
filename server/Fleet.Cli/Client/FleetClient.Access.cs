using System.Globalization;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part about who may call, and who did.</summary>
internal sealed partial class FleetClient
{
    public Task<CreateApiKeyResponse> CreateApiKeyAsync(CreateApiKeyRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/api-keys", request, Json.CreateApiKeyRequest, Json.CreateApiKeyResponse, cancellationToken);

    public Task<IReadOnlyList<ApiKeyView>> ListApiKeysAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/api-keys", Json.IReadOnlyListApiKeyView, cancellationToken);

    public Task RevokeApiKeyAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/v1/api-keys/{Escape(id)}"), cancellationToken);

    /// <summary>
    /// The newest lines of the audit trail, in order, at most <paramref name="most"/>, and whether older ones were left out.
    /// </summary>
    public async Task<(IReadOnlyList<AuditView> Lines, bool IsCut)> ListAuditAsync(
        DateTimeOffset? since, string? who, int most, CancellationToken cancellationToken)
    {
        // One page holds the newest; where more are wanted, all are read from the first on.
        var isPage = most < PageLength;
        var query = Query(("since", since?.UtcDateTime.ToString("O")), ("who", who), ("after", isPage ? null : "0"));
        var (lines, _) = await ListAsync(
            $"api/v1/audit{query}", isPage ? most + 1 : int.MaxValue, Json.IReadOnlyListAuditView, cancellationToken);
        return ([.. lines.TakeLast(most)], lines.Count > most);
    }

    public Task<AuditVerification> VerifyAuditAsync(long? line, string? hash, CancellationToken cancellationToken)
        => GetAsync(
            $"api/v1/audit/verification{Query(("number", line?.ToString(CultureInfo.InvariantCulture)), ("chain", hash))}",
            Json.AuditVerification, cancellationToken);
}
