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

    public Task<IReadOnlyList<SessionView>> ListSessionsAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/sessions", Json.IReadOnlyListSessionView, cancellationToken);

    public Task EndSessionsAsync(string name, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/v1/sessions{Query(("name", name))}"), cancellationToken);

    /// <summary>
    /// The newest lines of the audit trail, in order, at most <paramref name="most"/>, and whether older ones were left out.
    /// </summary>
    public async Task<(IReadOnlyList<AuditView> Lines, bool IsCut)> ListAuditAsync(
        DateTimeOffset? since, string? who, int most, CancellationToken cancellationToken)
    {
        // The trail is read from its end, as far as is asked for.
        var pages = new Stack<IReadOnlyList<AuditView>>();
        var count = 0;
        string? previous = "api/v1/audit" + Query(
            ("since", since?.UtcDateTime.ToString("O")), ("who", who), ("limit", $"{Math.Min(most, PageLength)}"));
        while (previous is not null && count < most)
        {
            using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, previous), cancellationToken);
            pages.Push(await ReadAsync(response, Json.IReadOnlyListAuditView, cancellationToken));
            count += pages.Peek().Count;
            previous = LinkOf(response, "prev");
        }
        return ([.. pages.SelectMany(page => page).TakeLast(most)], previous is not null || count > most);
    }

    public Task<AuditVerification> VerifyAuditAsync(long? line, string? hash, CancellationToken cancellationToken)
        => GetAsync(
            $"api/v1/audit/verification{Query(("number", line?.ToString(CultureInfo.InvariantCulture)), ("chain", hash))}",
            Json.AuditVerification, cancellationToken);
}
