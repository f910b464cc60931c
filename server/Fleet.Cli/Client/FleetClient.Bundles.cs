using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part that carries releases and reports as files.</summary>
internal sealed partial class FleetClient
{
    /// <summary>Writes the bundle of a release, with an order to a device where one is named.</summary>
    public async Task ExportAsync(string model, int version, string? device, Stream output, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            new HttpRequestMessage(
                HttpMethod.Get, $"api/v1/releases/{Escape(model)}/{version}/bundle{Query(("device", device))}"), cancellationToken);
        await ReadAsync(response, async content =>
        {
            await content.CopyToAsync(output, cancellationToken);
            return true;
        });
    }

    /// <summary>Sends a bundle. It may take as long as it takes: what is sent is bounded, and the server ends what does not move.</summary>
    public async Task<ReleaseView> ImportAsync(Stream bundle, CancellationToken cancellationToken)
    {
        using var patient = new FleetClient(address, handler, Timeout.InfiniteTimeSpan);
        using var response = await patient.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "api/v1/releases/bundles") { Content = new StreamContent(bundle) }, cancellationToken);
        return await ReadAsync(response, Json.ReleaseView, cancellationToken);
    }

    /// <summary>Sends the report of a device that was carried here.</summary>
    public async Task<ImportedReportView> ImportReportAsync(Stream report, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "api/v1/reports") { Content = new StreamContent(report) }, cancellationToken);
        return await ReadAsync(response, Json.ImportedReportView, cancellationToken);
    }

    /// <summary>Withdraws a release.</summary>
    public async Task<ReleaseView> WithdrawAsync(string model, int version, bool keepServing, CancellationToken cancellationToken)
    {
        var query = keepServing ? "?keepServing=true" : "";
        using var response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Post, $"api/v1/releases/{Escape(model)}/{version}/withdraw{query}"), cancellationToken);
        return await ReadAsync(response, Json.ReleaseView, cancellationToken);
    }
}
