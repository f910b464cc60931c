using System.Globalization;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part that asks what devices served.</summary>
internal sealed partial class FleetClient
{
    /// <summary>What devices served, page after page until <paramref name="most"/> devices are read.</summary>
    /// <returns>A view for each model and device, and whether devices were left out.</returns>
    public async Task<(IReadOnlyList<TelemetryView> Views, bool IsCut)> GetTelemetryAsync(
        string? device, string? model, DateTimeOffset? since, int most, CancellationToken cancellationToken)
    {
        var views = new List<TelemetryView>();
        string? after = null;
        for (var left = most; ;)
        {
            var limit = Math.Min(left, MaximumTelemetryPage);
            var query = Query(
                ("device", device), ("model", model), ("since", since?.UtcDateTime.ToString("O")), ("after", after),
                ("limit", limit.ToString(CultureInfo.InvariantCulture)));
            using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, $"api/v1/telemetry{query}"), cancellationToken);
            views.AddRange(await ReadAsync(response, Json.IReadOnlyListTelemetryView, cancellationToken));
            if (LinkOf(response, "next") is null) return (views, false);
            if ((left -= limit) == 0) return (views, true);
            after = views[^1].Device!.Value.Value;
        }
    }

    /// <summary>What all devices together served, a view for each model.</summary>
    public Task<IReadOnlyList<TelemetryView>> GetFleetTelemetryAsync(
        string? model, DateTimeOffset? since, CancellationToken cancellationToken)
        => GetAsync(
            $"api/v1/telemetry/fleet{Query(("model", model), ("since", since?.UtcDateTime.ToString("O")))}",
            Json.IReadOnlyListTelemetryView, cancellationToken);
}
