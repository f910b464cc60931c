using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Events;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Http;

/// <summary>
/// What every route tells a caller who is limited to some devices. A route that is missing here fails: whoever adds one answers the
/// question.
/// </summary>
public sealed partial class DeviceFilterRouteTests : IAsyncLifetime
{
    /// <summary>What a limited caller gets.</summary>
    private enum Gets
    {
        /// <summary>What is about its own devices; another device is answered like one that is not there.</summary>
        OwnDevices,

        /// <summary>What everybody gets: it says nothing about devices.</summary>
        NoDevices,

        /// <summary>403: it is about the devices of everybody.</summary>
        Nothing,
    }

    private static readonly Dictionary<string, Gets> Answers = new()
    {
        ["GET /"] = Gets.OwnDevices,
        ["GET /devices"] = Gets.OwnDevices,
        ["GET /devices/{id}"] = Gets.OwnDevices,
        ["GET /rollouts/{id}"] = Gets.OwnDevices,
        ["GET /targets"] = Gets.OwnDevices,
        ["GET /telemetry"] = Gets.OwnDevices,
        ["GET /metrics"] = Gets.Nothing,
        ["POST /logout"] = Gets.NoDevices,
        ["GET /api/v1/openapi.json"] = Gets.NoDevices,
        ["GET /api/v1/artifacts"] = Gets.NoDevices,
        ["GET /api/v1/artifacts/{sha256}"] = Gets.NoDevices,
        ["HEAD /api/v1/artifacts/{sha256}"] = Gets.NoDevices,
        ["GET /api/v1/builds"] = Gets.NoDevices,
        ["POST /api/v1/builds"] = Gets.NoDevices,
        ["GET /api/v1/builds/{id}"] = Gets.NoDevices,
        ["GET /api/v1/builds/{id}/report"] = Gets.NoDevices,
        ["GET /builds/{id}/report.html"] = Gets.NoDevices,
        ["POST /api/v1/builds/{id}/cancel"] = Gets.NoDevices,
        ["GET /api/v1/models"] = Gets.NoDevices,
        ["GET /api/v1/devices"] = Gets.OwnDevices,
        ["GET /api/v1/devices/{id}"] = Gets.OwnDevices,
        ["DELETE /api/v1/devices/{id}"] = Gets.OwnDevices,
        ["PATCH /api/v1/devices/{id}/labels"] = Gets.OwnDevices,
        ["POST /api/v1/devices/{id}/acknowledge"] = Gets.OwnDevices,
        ["POST /api/v1/devices/{id}/reenroll"] = Gets.OwnDevices,
        ["POST /api/v1/devices/{id}/revoke"] = Gets.OwnDevices,
        ["POST /api/v1/devices/{id}/unrevoke"] = Gets.OwnDevices,
        ["GET /api/v1/enrollments"] = Gets.OwnDevices,
        ["POST /api/v1/enrollments/{id}/approve"] = Gets.OwnDevices,
        ["POST /api/v1/enrollments/{id}/reject"] = Gets.OwnDevices,
        ["POST /api/v1/reports"] = Gets.OwnDevices,
        ["GET /api/v1/strangers"] = Gets.Nothing,
        ["POST /api/v1/strangers/{id}/adopt"] = Gets.Nothing,
        ["GET /api/v1/server"] = Gets.OwnDevices,
        ["GET /api/v1/tokens"] = Gets.OwnDevices,
        ["POST /api/v1/tokens"] = Gets.OwnDevices,
        ["DELETE /api/v1/tokens/{id}"] = Gets.OwnDevices,
        ["GET /api/v1/releases"] = Gets.OwnDevices,
        ["POST /api/v1/releases"] = Gets.NoDevices,
        ["POST /api/v1/releases/preview"] = Gets.NoDevices,
        ["GET /api/v1/releases/{model}/{version:int}"] = Gets.OwnDevices,
        ["GET /api/v1/releases/{model}/{version:int}/bundle"] = Gets.NoDevices,
        ["POST /api/v1/releases/{model}/{version:int}/withdraw"] = Gets.Nothing,
        ["POST /api/v1/releases/bundles"] = Gets.NoDevices,
        ["GET /api/v1/targets"] = Gets.OwnDevices,
        ["GET /api/v1/targets/{name}"] = Gets.OwnDevices,
        ["PUT /api/v1/targets/{name}"] = Gets.OwnDevices,
        ["DELETE /api/v1/targets/{name}"] = Gets.OwnDevices,
        ["GET /api/v1/pins"] = Gets.OwnDevices,
        ["PUT /api/v1/pins/{device}/{model}"] = Gets.OwnDevices,
        ["DELETE /api/v1/pins/{device}/{model}"] = Gets.OwnDevices,
        ["GET /api/v1/rollouts"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/preview"] = Gets.OwnDevices,
        ["GET /api/v1/rollouts/{id}"] = Gets.OwnDevices,
        ["GET /api/v1/rollouts/{id}/devices"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/{id}/abort"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/{id}/approve"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/{id}/pause"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/{id}/resume"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/{id}/retry"] = Gets.OwnDevices,
        ["POST /api/v1/rollouts/{id}/rollback"] = Gets.OwnDevices,
        // It does not end; EventStreamTests say what it names.
        ["GET /api/v1/events"] = Gets.OwnDevices,
        ["GET /api/v1/telemetry"] = Gets.OwnDevices,
        ["GET /api/v1/telemetry/export"] = Gets.OwnDevices,
        ["GET /api/v1/telemetry/fleet"] = Gets.OwnDevices,
    };

    // One device of Munich that is enrolled, one that waits for approval, and one that nobody knows.
    private readonly RunningServer _server = new();

    /// <summary>Bodies that get as far as the device.</summary>
    private static readonly Dictionary<string, string> Bodies = new()
    {
        ["PATCH /api/v1/devices/{id}/labels"] = """{"labels":{"site":"berlin"}}""",
        ["POST /api/v1/devices/{id}/reenroll"] = """{"validFor":"01:00:00"}""",
        ["PUT /api/v1/pins/{device}/{model}"] = """{"version":1}""",
    };

    public async ValueTask InitializeAsync()
    {
        await _server.InitializeAsync();
        var munich = new Dictionary<string, string> { ["site"] = "munich" };
        await _server.EnrollAsync("veiled-1", munich);
        var waits = await _server.TokenAsync(labels: munich, idPattern: "veiled-*", approve: true);
        var (response, key) = await _server.TryEnrollAsync(waits.Token, "veiled-2");
        using (key) Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        _server.Services.GetRequiredService<StrangerDevices>().Knocked(
            DeviceId.Parse("veiled-3"), new("01", "key", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "pem"));
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Every_route_that_a_limited_caller_may_call_says_what_it_tells()
    {
        // Keys of admins and workers are never limited, and devices are no callers of this kind.
        string[] roles = [Roles.Viewer, Roles.Operator, Roles.Approver];
        var routes = from endpoint in _server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
                     where roles.Contains(endpoint.Metadata.GetMetadata<RoleStatement>()?.Role)
                     from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
                     select $"{method} /{endpoint.RoutePattern.RawText!.Trim('/')}";
        Assert.Equal(Answers.Keys.Order(StringComparer.Ordinal), routes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Nothing_that_a_limited_caller_reads_names_a_device_of_others()
    {
        using var limited = await LimitedAsync("reader");
        var told = new List<string>();
        foreach (var route in Answers.Keys.Where(route => route.StartsWith("GET ", StringComparison.Ordinal) && !route.Contains('{')
            && !route.EndsWith(EventEndpoints.Path, StringComparison.Ordinal)))
        {
            using var answer = await limited.SendAsync(RequestTo(route, "nothing"));
            if ((await answer.Content.ReadAsStringAsync()).Contains("veiled", StringComparison.Ordinal)) told.Add(route);
        }
        Assert.Empty(told);
    }

    [Fact]
    public async Task Device_of_others_is_answered_like_one_that_is_not_there()
    {
        using var limited = await LimitedAsync("prober");
        var different = new List<string>();
        foreach (var route in Answers.Where(route => route.Value == Gets.OwnDevices && route.Key.Contains('{')).Select(route => route.Key))
        {
            foreach (var veiled in (string[])["veiled-1", "veiled-2"])
            {
                var (there, absent) = (await AnswerAsync(limited, route, veiled), await AnswerAsync(limited, route, "absent-1"));
                if (there != absent) different.Add($"{route}: {there} and not {absent}");
            }
        }
        Assert.Empty(different);
        Assert.False((await _server.ViewAsync("veiled-1")).Revoked);
    }

    [Fact]
    public async Task What_is_about_everybodys_devices_is_refused()
    {
        using var limited = await LimitedAsync("asker");
        var open = new List<string>();
        foreach (var route in Answers.Where(route => route.Value == Gets.Nothing).Select(route => route.Key))
        {
            using var answer = await limited.SendAsync(RequestTo(route, "veiled-3"));
            if (answer.StatusCode != HttpStatusCode.Forbidden) open.Add($"{route}: {answer.StatusCode}");
        }
        Assert.Empty(open);
    }

    private Task<HttpClient> LimitedAsync(string name) => _server.ApiAsync(name, [Roles.Operator, Roles.Approver], "label.site=berlin");

    private static async Task<string> AnswerAsync(HttpClient client, string route, string id)
    {
        using var answer = await client.SendAsync(RequestTo(route, id));
        var body = await answer.Content.ReadAsStringAsync();
        return $"{(int)answer.StatusCode} {body.Replace(id, "ID", StringComparison.Ordinal)}";
    }

    private static HttpRequestMessage RequestTo(string route, string id)
    {
        var (method, path) = (route.Split(' ')[0], route.Split(' ')[1]);
        path = Parameter().Replace(path.Replace("{version:int}", "1", StringComparison.Ordinal), id);
        return new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content = method is "POST" or "PATCH" or "PUT"
                ? new StringContent(Bodies.GetValueOrDefault(route, "{}"), Encoding.UTF8, "application/json")
                : null,
        };
    }

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Parameter();
}
