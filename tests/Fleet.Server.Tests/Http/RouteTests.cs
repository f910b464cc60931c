using System.Net;
using System.Text;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Http;

/// <summary>What holds for every route there is: each is taken from the server itself, so that a new one is judged at once.</summary>
public sealed class RouteTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public void Every_endpoint_states_which_role_it_needs()
    {
        var silent = Endpoints().Where(endpoint => endpoint.Metadata.GetMetadata<RoleStatement>() is null)
            .Select(endpoint => endpoint.RoutePattern.RawText);
        Assert.Empty(silent);
    }

    [Fact]
    public void Few_endpoints_are_open_to_everybody()
        => Assert.Equal(
            [
                "GET /.well-known/est/cacerts", "GET /health", "GET /login", "GET /login/openid/start",
                "POST /.well-known/est/simpleenroll", "POST /enroll", "POST /login",
            ],
            RoutesFor(RoleStatement.Everybody).Order());

    [Fact]
    public async Task Every_route_but_the_open_ones_asks_who_is_there()
    {
        using var nobody = server.ApiAs(null);
        var answers = new List<string>();
        foreach (var route in Routes().Except(RoutesFor(RoleStatement.Everybody)))
        {
            using var answer = await nobody.SendAsync(RequestTo(route), HttpCompletionOption.ResponseHeadersRead);
            if (answer.StatusCode != HttpStatusCode.Unauthorized) answers.Add($"{route}: {answer.StatusCode}");
        }
        Assert.Empty(answers);
    }

    [Theory]
    [InlineData(Roles.Viewer)]
    [InlineData(Roles.Operator)]
    [InlineData(Roles.Approver)]
    [InlineData(Roles.Worker)]
    [InlineData(Roles.Admin)]
    public async Task Key_opens_what_asks_for_its_role_and_nothing_else(string role)
    {
        using var client = await server.ApiAsync($"only-{role}", [role]);
        var wrong = new List<string>();
        foreach (var route in Routes().Except(RoutesFor(RoleStatement.Everybody)).Except(RoutesFor(Roles.Device)))
        {
            using var answer = await client.SendAsync(RequestTo(route), HttpCompletionOption.ResponseHeadersRead);
            var isOpen = Roles.ThatPass(Statements()[route]).Contains(role);
            if (answer.StatusCode == HttpStatusCode.Forbidden == isOpen || answer.StatusCode == HttpStatusCode.Unauthorized)
                wrong.Add($"{route}: {answer.StatusCode}");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Keys_do_not_open_what_is_for_devices()
    {
        Assert.NotEmpty(RoutesFor(Roles.Device));
        foreach (var route in RoutesFor(Roles.Device))
        {
            using var answer = await server.Operator.SendAsync(RequestTo(route), HttpCompletionOption.ResponseHeadersRead);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, $"{route}: {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task Whatever_names_nothing_that_exists_is_answered_with_a_problem_that_says_so()
    {
        // Reading needs no body: what is left to be wrong is the name.
        var routes = RoutesFor(Roles.Viewer).Where(route => route.StartsWith("GET ", StringComparison.Ordinal) && route.Contains('{'))
            .ToList();
        Assert.NotEmpty(routes);
        foreach (var route in routes)
        {
            using var answer = await server.Operator.SendAsync(RequestTo(route), HttpCompletionOption.ResponseHeadersRead);
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

    private Dictionary<string, string>.KeyCollection Routes() => Statements().Keys;

    private IEnumerable<string> RoutesFor(string role) => Statements().Where(route => route.Value == role).Select(route => route.Key);

    /// <summary>Which role each route states; empty where it states none.</summary>
    private Dictionary<string, string> Statements()
        => (from endpoint in Endpoints()
            let path = "/" + endpoint.RoutePattern.RawText!.Trim('/')
            from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
            select ($"{method} {path}", endpoint.Metadata.GetMetadata<RoleStatement>()?.Role ?? "")).ToDictionary();

    private IEnumerable<RouteEndpoint> Endpoints()
        => server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

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
}
