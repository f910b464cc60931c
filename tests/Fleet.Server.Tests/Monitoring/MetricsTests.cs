using System.Net;
using Fleet.Contracts.Devices;
using Fleet.Server.Health;
using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Monitoring;

/// <summary>What Prometheus reads.</summary>
public sealed class MetricsTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Refusals_slowed_devices_and_problems_are_counted_without_a_name()
    {
        var traffic = server.Services.GetRequiredService<DeviceTraffic>();
        var before = await ReadAsync();
        var device = DeviceId.Parse("counted-1");
        traffic.Refused(device, default, "for the test");
        traffic.Refused(device, default, "for the test");
        for (var n = 0; n < 100; n++) traffic.Charge(device, default, 1000, 0);
        server.Services.GetRequiredService<ServerHealth>().Report("test", "Something is wrong.");
        server.Services.GetRequiredService<ServerHealth>().Warn("another test", "Somebody should look.");

        var after = await ReadAsync();

        Assert.Equal(2, after["fleet_messages_refused"] - before.GetValueOrDefault("fleet_messages_refused"));
        Assert.Equal(1, after["fleet_devices_slowed"] - before.GetValueOrDefault("fleet_devices_slowed"));
        Assert.Equal(1, after["fleet_problems"] - before["fleet_problems"]);
        Assert.Equal(1, after["fleet_warnings"] - before["fleet_warnings"]);
        Assert.Equal(0, after["fleet_devices_online"]);
        Assert.DoesNotContain("counted-1", await server.Operator.GetStringAsync("/metrics"), StringComparison.Ordinal);
        server.Services.GetRequiredService<ServerHealth>().Clear("test");
        server.Services.GetRequiredService<ServerHealth>().Clear("another test");
    }

    [Fact]
    public async Task Metrics_are_for_viewers_in_the_form_that_Prometheus_asks_for()
    {
        using var viewer = await server.ApiAsync("prometheus", [Roles.Viewer]);
        using var answer = await viewer.GetAsync("/metrics");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        using var limited = await server.ApiAsync("line-3", [Roles.Viewer], "label.line=3");
        Assert.Equal(HttpStatusCode.Forbidden, (await limited.GetAsync("/metrics")).StatusCode);
        using var nobody = server.ApiAs(null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/metrics")).StatusCode);
    }

    private async Task<Dictionary<string, double>> ReadAsync()
        => (await server.Operator.GetStringAsync("/metrics")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith('#'))
            .ToDictionary(line => line.Split(' ')[0],
                line => double.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
}
