using System.Net;
using System.Text;
using Fleet.Server.Access;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Http;

/// <summary>What holds for every route there is: each is taken from the server itself, so that a new one is judged at once.</summary>
public sealed class RouteTests(RunningServer server) : IClassFixture<RunningServer>
{
    /// <summary>Routes that are open: each knows its caller by something else than a key, or tells nothing that is not public.</summary>
    private static readonly string[] Open = ["GET /health", "POST /enroll"];

    /// <summary>Routes of devices: a certificate opens them, a key does not.</summary>
    private static readonly string[] Devices = ["POST /renew", "GET /artifacts/{sha256}", "HEAD /artifacts/{sha256}"];

    [Fact]
    public async Task Every_route_but_the_open_ones_asks_who_is_there()
    {
        using var nobody = server.ApiAs(null);
        var answers = new List<string>();
        foreach (var route in Routes().Except(Open))
        {
            using var answer = await nobody.SendAsync(RequestTo(route));
            if (answer.StatusCode != HttpStatusCode.Unauthorized) answers.Add($"{route}: {answer.StatusCode}");
        }
        Assert.Empty(answers);
    }

    [Fact]
    public async Task Worker_may_do_what_workers_do_and_nothing_of_what_operators_do()
    {
        using var worker = server.ApiAs(KeyOf(Roles.Worker));
        Assert.NotEmpty(OperatorRoutes());
        foreach (var route in OperatorRoutes())
        {
            using var answer = await worker.SendAsync(RequestTo(route));
            Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, $"{route}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task Operator_may_do_what_workers_do()
    {
        var routes = Routes().Where(route => route.Contains("/worker/", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(routes);
        foreach (var route in routes)
        {
            using var answer = await server.Operator.SendAsync(RequestTo(route));
            Assert.True(
                answer.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden), $"{route}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task Keys_do_not_open_what_is_for_devices()
    {
        Assert.Empty(Devices.Except(Routes()));
        foreach (var route in Devices)
        {
            using var answer = await server.Operator.SendAsync(RequestTo(route));
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, $"{route}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task Whatever_names_nothing_that_exists_is_answered_with_a_problem_that_says_so()
    {
        // Reading needs no body: what is left to be wrong is the name.
        var routes = OperatorRoutes().Where(route => route.StartsWith("GET ", StringComparison.Ordinal) && route.Contains('{')).ToList();
        Assert.NotEmpty(routes);
        foreach (var route in routes)
        {
            using var answer = await server.Operator.SendAsync(RequestTo(route));
            Assert.True(answer.StatusCode == HttpStatusCode.NotFound, $"{route}: {answer.StatusCode}");
            Assert.Contains("nothing", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("GET", "/api/v1/nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "/api/v2/devices", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "/api/v1/devices", HttpStatusCode.MethodNotAllowed)]
    [InlineData("PUT", "/api/v1/tokens", HttpStatusCode.MethodNotAllowed)]
    public async Task What_is_not_a_route_is_refused_as_a_problem(string method, string path, HttpStatusCode status)
    {
        using var answer = await server.Operator.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        Assert.Equal(status, answer.StatusCode);
        Assert.NotEmpty((await RunningServer.ProblemOf(answer)).Title);
    }

    private IEnumerable<string> OperatorRoutes()
        => Routes().Except(Open).Except(Devices).Where(route => !route.Contains("/worker/", StringComparison.Ordinal));

    private IEnumerable<string> Routes()
        => from endpoint in server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
           let path = "/" + endpoint.RoutePattern.RawText!.Trim('/')
           from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
           select $"{method} {path}";

    /// <summary>A request to a route, with a name in it that names nothing.</summary>
    private static HttpRequestMessage RequestTo(string route)
    {
        var (method, path) = (route.Split(' ')[0], route.Split(' ')[1]);
        path = path.Replace("{version:int}", "1", StringComparison.Ordinal);
        path = System.Text.RegularExpressions.Regex.Replace(path, @"\{\w+\}", "nothing");
        return new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content = method is "POST" or "PATCH" or "PUT" ? new StringContent("{}", Encoding.UTF8, "application/json") : null,
        };
    }

    private string KeyOf(string role) => File.ReadAllText(server.Folder["keys", $"{role}.key"]).Trim();
}
