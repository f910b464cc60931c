using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part about models and builds.</summary>
internal sealed partial class FleetClient
{
    public Task<IReadOnlyList<ModelView>> ListModelsAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/models", Json.IReadOnlyListModelView, cancellationToken);

    public Task<BuildView> StartBuildAsync(BuildSpec spec, CancellationToken cancellationToken)
        => PostAsync("api/v1/builds", spec, Json.BuildSpec, Json.BuildView, cancellationToken);

    public Task<IReadOnlyList<BuildView>> ListBuildsAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/builds", Json.IReadOnlyListBuildView, cancellationToken);

    public Task<BuildView> GetBuildAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/builds/{Escape(id)}", Json.BuildView, cancellationToken);

    public Task CancelBuildAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/v1/builds/{Escape(id)}/cancel"), cancellationToken);

    public Task<BuildReport> GetReportAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/builds/{Escape(id)}/report", Json.BuildReport, cancellationToken);

    /// <summary>The report as the self-contained page the worker made.</summary>
    public async Task<byte[]> GetReportPageAsync(string id, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, $"builds/{Escape(id)}/report.html"), cancellationToken);
        return await ReadAsync(response, content => content.ReadAsByteArrayAsync(cancellationToken));
    }
}
