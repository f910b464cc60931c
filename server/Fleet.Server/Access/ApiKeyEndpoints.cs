using System.Security.Cryptography;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Access;

/// <summary>What admins may call about API keys.</summary>
internal static class ApiKeyEndpoints
{
    private static readonly TimeSpan LongestValidity = TimeSpan.FromDays(3650);

    /// <summary>Maps <c>/api/v1/api-keys</c>.</summary>
    public static void MapApiKeys(this IEndpointRouteBuilder operators)
    {
        var keys = operators.MapGroup("/api/v1/api-keys").ForAdmins();
        keys.MapPost("/", CreateAsync).Takes<CreateApiKeyRequest>().Tells<CreateApiKeyResponse>(
            "CreateApiKey", "Makes an API key; its text is shown this once.", StatusCodes.Status201Created);
        keys.MapGet("/", ListAsync).Tells<IReadOnlyList<ApiKeyView>>("ListApiKeys", "Lists API keys, without their secrets.");
        keys.MapDelete("/{id}", async (string id, IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
            => await store.UpdateAsync<ApiKey>(
                id, key => key with { RevokedAt = key.RevokedAt ?? time.GetUtcNow() }, cancellationToken) is null
                ? Refusal.Unknown($"There is no API key '{id}'.").ToResult()
                : Results.NoContent()).TellsNothing("RevokeApiKey", "Revokes an API key.");
    }

    private static async Task<IResult> CreateAsync(
        HttpRequest request, IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.CreateApiKeyRequest, cancellationToken);
        if (sent.Value is not { } asked) return sent.Problem!.ToResult();
        if (ProblemsOf(asked) is { Count: > 0 } problems) return Refusal.Invalid("The API key is not valid.", problems).ToResult();

        var id = RandomNumberGenerator.GetHexString(16, lowercase: true);
        var text = ApiKey.NewText(id);
        _ = ApiKey.TryParse(text, out _, out var secret);
        var now = time.GetUtcNow();
        var key = new ApiKey(ApiKey.HashOf(secret), now)
        {
            Name = asked.Name,
            Roles = [.. asked.Roles.Distinct()],
            Filter = asked.Filter ?? "",
            ExpiresAt = now + asked.ValidFor,
        };
        await store.CommitAsync([StoreChange.Create(id, key)], cancellationToken);
        return Results.Json(
            new CreateApiKeyResponse(id, text, key.ExpiresAt), FleetJson.Default.CreateApiKeyResponse,
            statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> ListAsync(
        [AsParameters] PageQuery page, HttpContext context, IFleetStore store, CancellationToken cancellationToken)
    {
        IReadOnlyList<ApiKeyView> views = await store.AllAsync<ApiKey>("", cancellationToken)
            .OrderBy(key => key.Document.CreatedAt).Select(key => key.Document.ToView(key.Id)).ToListAsync(cancellationToken);
        return Paging.PageOf(context, page, views, view => view.Id, FleetJson.Default.IReadOnlyListApiKeyView);
    }

    private static List<string> ProblemsOf(CreateApiKeyRequest asked)
    {
        var problems = new List<string>();
        void Require(bool holds, string problem) { if (!holds) problems.Add(problem); }
        Require(Names.IsName(asked.Name), $"name '{asked.Name}' must be {Names.Rule}.");
        Require(
            asked.Name is not (KeyFiles.Admin or Roles.Worker), $"name '{asked.Name}' belongs to a key that every server has.");
        Require(asked.Roles.Count > 0, $"roles must name at least one of {string.Join(", ", Roles.OfKeys)}.");
        problems.AddRange(asked.Roles.Where(role => !Roles.OfKeys.Contains(role)).Select(
            role => $"role '{role}' must be one of {string.Join(", ", Roles.OfKeys)}."));
        Require(
            !asked.Roles.Contains(Roles.Worker) || asked.Roles.Count == 1, "A worker's key has no other role: it stays on other machines.");
        Require(DeviceFilter.TryParse(asked.Filter, out var filter, out var problem), problem ?? "");
        // Who makes keys could make one without the limit, and a worker has nothing to do with devices.
        Require(
            filter is not { Terms.Count: > 0 } || !asked.Roles.Any(role => role is Roles.Admin or Roles.Worker),
            "A key of role admin or worker cannot be limited to devices.");
        Require(
            asked.ValidFor is null || (asked.ValidFor > TimeSpan.Zero && asked.ValidFor <= LongestValidity),
            $"validFor {asked.ValidFor} must be above zero and at most {LongestValidity.Days} days.");
        return problems;
    }
}
