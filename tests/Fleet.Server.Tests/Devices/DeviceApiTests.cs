using System.Net;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;

namespace Fleet.Server.Tests.Devices;

public sealed class DeviceApiTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Devices_are_found_by_filter_and_page_by_page()
    {
        foreach (var (id, site) in new[] { ("api-c", "bonn"), ("api-a", "bonn"), ("api-b", "ulm") })
            await server.EnrollAsync(id, new() { ["site"] = site });

        Assert.Equal(["api-a", "api-c"], await IdsAsync("filter=label.site%3Dbonn"));
        Assert.Equal(["api-b"], await IdsAsync("filter=label.site%3Dulm,profile%3Dx64"));
        Assert.Equal(["api-b"], await IdsAsync("filter=id%3Dapi-b"));
        Assert.Equal(["api-a"], await IdsAsync("limit=1&after=api"));
        Assert.Equal(["api-b", "api-c"], await IdsAsync("after=api-a&limit=2"));
        Assert.Empty(await IdsAsync("filter=profile%3Djetson"));
    }

    [Theory]
    [InlineData("/api/v1/devices?filter=nonsense", 400, "nonsense")]
    [InlineData("/api/v1/devices?limit=0", 400, "limit")]
    [InlineData("/api/v1/devices?limit=many", 400, "limit 'many' cannot be read.")]
    [InlineData("/api/v1/devices/nobody", 404, "nobody")]
    [InlineData("/api/v1/telemetry?device=nobody", 404, "nobody")]
    [InlineData("/api/v1/telemetry?since=yesterday", 400, "since 'yesterday' cannot be read.")]
    [InlineData("/api/v1/nothing", 404, "/api/v1/nothing")]
    public async Task Question_that_makes_no_sense_is_answered_with_a_sentence(string path, int status, string sentence)
    {
        var problem = await RunningServer.ProblemOf(await server.Operator.GetAsync(path));
        Assert.Equal(status, problem.Status);
        Assert.Contains(sentence, problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Labels_are_set_and_removed()
    {
        await server.EnrollAsync("labelled", new() { ["site"] = "bonn", ["line"] = "1" });
        var answer = await PatchAsync("labelled", """{"labels":{"site":"ulm","line":null,"shift":"night"}}""");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(new Dictionary<string, string> { ["shift"] = "night", ["site"] = "ulm" }, (await server.ViewAsync("labelled")).Labels);
    }

    [Theory]
    [InlineData("""{"labels":{"Not A Name":"x"}}""", "Not A Name")]
    [InlineData("""{"labels":{"site":"a,b"}}""", "no comma")]
    [InlineData("""{"labels":{"site":""}}""", "site")]
    [InlineData("""{"lables":{"site":"ulm"}}""", "lables")]
    [InlineData("""{"labels":{"site":7}}""", "$.labels.site")]
    public async Task Labels_that_break_rules_are_refused_and_nothing_changes(string body, string sentence)
    {
        await server.DeviceAsync("strict");
        var problem = await RunningServer.ProblemOf(await PatchAsync("strict", body));
        Assert.Equal(400, problem.Status);
        Assert.Contains(problem.Problems, line => line.Contains(sentence, StringComparison.Ordinal));
        Assert.Empty((await server.ViewAsync("strict")).Labels);
    }

    private async Task<HttpResponseMessage> PatchAsync(string device, string body)
        => await server.Operator.PatchAsync($"/api/v1/devices/{device}/labels", new StringContent(body, Encoding.UTF8, "application/json"));

    private async Task<IEnumerable<string>> IdsAsync(string query)
    {
        var views = JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync($"/api/v1/devices?{query}"), FleetJson.Default.IReadOnlyListDeviceView)!;
        return views.Select(view => view.Id.Value).Where(id => id.StartsWith("api-", StringComparison.Ordinal));
    }
}
