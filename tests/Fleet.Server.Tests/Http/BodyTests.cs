using System.Net;
using System.Text;
using Fleet.Contracts;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Http;

/// <summary>Every route that reads a body, given each body that is wrong.</summary>
public sealed class BodyTests(RunningServer server) : IClassFixture<RunningServer>
{
    /// <summary>Written by an agent, which may be newer than the server; an operator only hands it over.</summary>
    private const string CarriedReport = "POST /api/v1/reports";

    /// <summary>Who calls a route, and how many bytes of a body it takes.</summary>
    private static readonly Dictionary<string, (string Who, int Most)> Routes = new()
    {
        ["POST /api/v1/api-keys"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/tokens"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["PATCH /api/v1/devices/{id}/labels"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/artifacts/sweep"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/builds"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/releases"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/releases/preview"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/rollouts"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/rollouts/preview"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["PUT /api/v1/targets/{name}"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["PUT /api/v1/pins/{device}/{model}"] = (Roles.Operator, Limits.ApiRequestBytes),
        [CarriedReport] = (Roles.Operator, Limits.ReportFileBytes),
        ["POST /api/v1/worker/leases"] = (Roles.Worker, Limits.ApiRequestBytes),
        ["POST /api/v1/worker/builds/{id}/progress"] = (Roles.Worker, Limits.ApiRequestBytes),
        ["POST /api/v1/worker/builds/{id}/timings"] = (Roles.Worker, Limits.ApiRequestBytes),
        ["POST /api/v1/worker/builds/{id}/complete"] = (Roles.Worker, 2 * Limits.BuildReportBytes),
        ["POST /api/v1/worker/builds/{id}/fail"] = (Roles.Worker, Limits.ApiRequestBytes),
        ["POST /api/v1/devices/{id}/reenroll"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/server/move"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/keys/changes"] = (Roles.Operator, Limits.ApiRequestBytes),
        ["POST /api/v1/keys/roots"] = (Roles.Operator, 2 * Limits.RootBytes),
        ["POST /enroll"] = (Roles.Device, Limits.EnrollmentBytes),
        ["POST /renew"] = (Roles.Device, Limits.EnrollmentBytes),
    };

    /// <summary>Routes that change something and read no body, or one of bytes.</summary>
    private static readonly string[] WithoutBody =
    [
        "POST /.well-known/est/simpleenroll", "POST /.well-known/est/simplereenroll", "POST /api/v1/devices/{id}/acknowledge",
        "POST /api/v1/devices/{id}/unrevoke", "POST /api/v1/enrollments/{id}/approve", "POST /api/v1/enrollments/{id}/reject",
        "POST /api/v1/devices/{id}/revoke", "POST /api/v1/builds/{id}/cancel", "POST /api/v1/rollouts/{id}/pause",
        "POST /api/v1/rollouts/{id}/resume", "POST /api/v1/rollouts/{id}/abort", "POST /api/v1/rollouts/{id}/retry",
        "POST /api/v1/rollouts/{id}/approve", "POST /api/v1/releases/{model}/{version:int}/withdraw", "POST /api/v1/keys/time-anchor",
        "POST /api/v1/strangers/{id}/adopt", "POST /api/v1/rollouts/{id}/rollback",
        "PUT /api/v1/worker/artifacts/{sha256}",
        "POST /login", "POST /logout", "POST /api/v1/releases/bundles",
    ];

    private static readonly Dictionary<string, string> Wrong = new()
    {
        ["nothing"] = "",
        ["null"] = "null",
        ["a list"] = "[]",
        ["a number"] = "7",
        ["a sentence"] = "\"hello\"",
        ["not JSON"] = "model: vibration",
        ["cut short"] = """{"model":""",
        ["two values"] = "{} {}",
        ["nothing of what is required"] = "{}",
        ["nested without end"] = string.Concat(Enumerable.Repeat("""{"a":""", 1000)),
        ["bytes that are not UTF-8"] = "{\"model\":\"\u00ff\"",
    };

    /// <summary>
    /// Routes that require nothing. A change of no key is one too: the next root with every key it has and a later end.
    /// </summary>
    private static readonly (string Route, string Body)[] RequireNothing =
    [
        ("POST /api/v1/keys/changes", "nothing of what is required"), ("POST /api/v1/artifacts/sweep", "nothing of what is required"),
    ];

    public static TheoryData<string, string> Cases
        =>
        [
            .. from route in Routes.Keys
               from wrong in Wrong.Keys
               where !RequireNothing.Contains((route, wrong))
               select new TheoryDataRow<string, string>(route, wrong),
        ];

    public static TheoryData<string> Known => [.. Routes.Keys];

    public static TheoryData<string> Strict
        => [.. Routes.Keys.Where(route => Routes[route].Who == Roles.Operator && route != CarriedReport)];

    [Fact]
    public void Every_route_that_changes_something_is_judged_here()
    {
        var routes =
            from endpoint in server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            let path = "/" + endpoint.RoutePattern.RawText!.Trim('/')
            from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
            where method is "POST" or "PUT" or "PATCH"
            select $"{method} {path}";
        Assert.Equal(Routes.Keys.Concat(WithoutBody).Order(), routes.Order());
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Body_that_is_wrong_is_refused_with_a_sentence(string route, string wrong)
    {
        var bytes = wrong.StartsWith("bytes", StringComparison.Ordinal)
            ? Encoding.Latin1.GetBytes(Wrong[wrong])
            : Encoding.UTF8.GetBytes(Wrong[wrong]);
        using var answer = await SendAsync(route, bytes);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.EndsWith(".", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Known))]
    public async Task Body_at_the_limit_is_read_and_one_byte_more_is_not(string route)
    {
        var most = Routes[route].Most;
        using var read = await SendAsync(route, Spaces(most));
        Assert.Equal(HttpStatusCode.BadRequest, read.StatusCode);
        using var refused = await SendAsync(route, Spaces(most + 1));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
    }

    [Theory]
    [MemberData(nameof(Known))]
    public async Task Body_without_a_length_is_held_to_the_same_limit(string route)
    {
        var most = Routes[route].Most;
        using var refused = await SendAsync(route, Spaces(most + 1), withLength: false);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
    }

    /// <summary>Lengths around which numbers of 32 bits run over, and the largest that there is.</summary>
    [Theory]
    [MemberData(nameof(Known))]
    public async Task Body_that_declares_gigabytes_is_refused_before_a_byte_is_read(string route)
    {
        foreach (var length in (long[])[1L << 31, (1L << 32) + 2, long.MaxValue])
        {
            using var refused = await SendAsync(route, new Declared(length));
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
        }
    }

    [Theory]
    [MemberData(nameof(Strict))]
    public async Task Key_that_a_person_misspelled_is_refused_by_name(string route)
    {
        using var answer = await SendAsync(route, "{\"colour\":\"red\"}"u8.ToArray());
        var problem = await RunningServer.ProblemOf(answer);
        Assert.Equal(400, problem.Status);
        Assert.Contains("colour", string.Join('\n', problem.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_of_a_newer_worker_is_passed_over()
    {
        using var answer = await SendAsync("POST /api/v1/worker/leases", "{\"worker\":\"w-1\",\"mood\":\"good\"}"u8.ToArray());
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private Task<HttpResponseMessage> SendAsync(string route, byte[] body, bool withLength = true)
        => SendAsync(route, withLength ? new ByteArrayContent(body) : new StreamContent(new Unmeasured(body)), withLength);

    private async Task<HttpResponseMessage> SendAsync(string route, HttpContent content, bool withLength = true)
    {
        var (who, _) = Routes[route];
        using var client = who == Roles.Device
            ? server.DevicesAs((await server.DeviceAsync("writer")).Certificate)
            : server.ApiAs((await File.ReadAllTextAsync(server.Folder["keys", $"{who}.key"])).Trim());
        var (method, path) = (route.Split(' ')[0], route.Split(' ')[1].Replace("{id}", "writer", StringComparison.Ordinal));
        content.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = content };
        // A body that is refused by its length is refused before it is sent: whoever sends on would meet a closed connection.
        request.Headers.ExpectContinue = withLength;
        return await client.SendAsync(request);
    }

    /// <summary>A body that says how long it is, and is never asked for.</summary>
    private sealed class Declared(long length) : HttpContent
    {
        protected override bool TryComputeLength(out long computed)
        {
            computed = length;
            return true;
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
            => throw new InvalidOperationException("The server asked for the body.");
    }

    private static byte[] Spaces(int count)
    {
        var bytes = new byte[count];
        bytes.AsSpan().Fill((byte)' ');
        return bytes;
    }

    /// <summary>A body whose length nobody knows before its end, as a pipe has it: it travels in chunks.</summary>
    private sealed class Unmeasured(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
