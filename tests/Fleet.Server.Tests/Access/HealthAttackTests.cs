using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Server.Health;
using Fleet.Server.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Access;

/// <summary>Found in review: health named devices, releases and paths to everybody who asked, on both ports.</summary>
public sealed class HealthAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    private const string Secret = "Device press-7 serves speech 3, and keys/release.key is lost.";

    [Fact]
    public async Task Stranger_learns_whether_all_is_well_and_nothing_of_devices_or_of_the_program()
    {
        using var nobody = server.ApiAs(null);
        using var wrong = server.ApiAs("fleetkey.operator.wrong");
        using var device = server.DevicesAs(null);
        using var worker = server.ApiAs((await File.ReadAllTextAsync(server.Folder["keys", "worker.key"])).Trim());
        using var limited = await server.ApiAsync("berlin", [Roles.Viewer], "label.site=berlin");
        var health = server.Services.GetRequiredService<ServerHealth>();
        health.Report("test", Secret);
        health.Warn("other", Secret);
        foreach (var client in (HttpClient[])[nobody, wrong, device, worker, limited])
        {
            using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            var body = await answer.Content.ReadAsStringAsync();
            var told = JsonSerializer.Deserialize(body, FleetJson.Default.HealthResponse)!;
            Assert.Equal("troubled", told.Status);
            Assert.Null(told.Version);
            Assert.Empty(told.Problems);
            Assert.Empty(told.Warnings);
            Assert.DoesNotContain("press-7", body, StringComparison.Ordinal);
        }
        using var seesAll = await server.ApiAsync("viewer", [Roles.Viewer]);
        Assert.Contains("press-7", await (await seesAll.GetAsync("/health")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        health.Clear("test");
        health.Clear("other");
    }
}
