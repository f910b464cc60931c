using Fleet.Server.Http;
using Prometheus;

namespace Fleet.Server.Monitoring;

/// <summary>The room of monitoring: figures for those who alert on them.</summary>
internal static class MonitoringEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddMonitoring(this IServiceCollection services) => services.AddSingleton<ServerMetrics>();

    /// <summary>Maps <c>/metrics</c>.</summary>
    public static void MapMonitoring(this IEndpointRouteBuilder operators)
    {
        // Counting begins with the server and not with the first who asks.
        operators.ServiceProvider.GetRequiredService<ServerMetrics>();
        operators.MapGet("/metrics", (Caller caller, ServerMetrics metrics) => caller.IsLimited
            ? Refusal.Forbidden($"Metrics are sums of all devices, and '{caller.Name}' sees those of '{caller.Devices}' alone.").ToResult()
            : Results.Stream(output => metrics.WriteAsync(output, CancellationToken.None),
                PrometheusConstants.TextContentTypeWithVersionAndEncoding)).ForViewers();
    }
}
