using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Server.Http;

namespace Fleet.Server.Tests.Http;

/// <summary>Lists come in pages, and what is cut says that it was cut.</summary>
public sealed class PagingTests(RunningServer server) : IClassFixture<RunningServer>
{
    /// <summary>
    /// Lists that are one thing: the chain of roots is verified as a whole, and the fleet's telemetry is a line for each model.
    /// </summary>
    private static readonly string[] Whole = ["/api/v1/keys/roots", "/api/v1/telemetry/fleet"];

    [Fact]
    public async Task Every_list_comes_in_pages()
    {
        using var document = JsonDocument.Parse(await server.Operator.GetStringAsync(ApiDocument.Path));
        var unpaged =
            from path in document.RootElement.GetProperty("paths").EnumerateObject()
            where path.Value.TryGetProperty("get", out _)
            let get = path.Value.GetProperty("get")
            where get.GetProperty("responses").GetProperty("200").TryGetProperty("content", out var content)
                && content.TryGetProperty("application/json", out var json)
                && json.GetProperty("schema").TryGetProperty("type", out var type) && type.GetString() == "array"
            let parameters = get.TryGetProperty("parameters", out var all)
                ? all.EnumerateArray().Select(one => one.GetProperty("name").GetString()).ToList()
                : []
            where !parameters.Contains("after") || !parameters.Contains("limit")
            select path.Name;
        Assert.Equal(Whole, unpaged.Order());
    }

    [Fact]
    public async Task Pages_hold_every_item_once_and_the_last_says_nothing_of_a_next()
    {
        for (var i = 0; i < 5; i++)
            await RunningServer.PostAsync(server.Operator, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00"}""");
        var all = await IdsAsync("/api/v1/tokens?limit=1000");
        var read = new List<string>();
        var pages = 0;
        for (string? next = "/api/v1/tokens?limit=2"; next is not null; pages++)
        {
            using var answer = await server.Operator.GetAsync(next);
            var ids = Ids(await answer.Content.ReadAsStringAsync());
            Assert.InRange(ids.Count, 1, 2);
            read.AddRange(ids);
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }
        Assert.Equal(all, read);
        Assert.Equal((all.Count + 1) / 2, pages);
    }

    [Theory]
    [InlineData("limit=0", "limit 0 must be within 1..1000.")]
    [InlineData("limit=1001", "limit 1001 must be within 1..1000.")]
    [InlineData("after=nothing", "after 'nothing' is not in the list any more: read the list from its start.")]
    public async Task Page_that_cannot_be_is_refused(string query, string sentence)
    {
        using var answer = await server.Operator.GetAsync($"/api/v1/tokens?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(sentence, (await RunningServer.ProblemOf(answer)).Title);
    }

    /// <summary>
    /// Found in review: whoever is limited to devices saw the tokens of all, and could revoke them and withdraw releases.
    /// </summary>
    [Fact]
    public async Task Who_is_limited_to_devices_sees_and_ends_only_what_is_theirs()
    {
        await RunningServer.PostAsync(server.Operator, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00","labels":{"site":"munich"}}""");
        var foreign = (await IdsAsync("/api/v1/tokens?limit=1"))[0];
        using var berlin = await server.ApiAsync("berlin", [Roles.Operator], "label.site=berlin");
        await RunningServer.PostAsync(berlin, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00","labels":{"site":"berlin"}}""");

        var own = Assert.Single(Ids(await berlin.GetStringAsync("/api/v1/tokens")));
        Assert.NotEqual(foreign, own);
        Assert.Equal(HttpStatusCode.NotFound, (await berlin.DeleteAsync($"/api/v1/tokens/{foreign}")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await berlin.DeleteAsync($"/api/v1/tokens/{own}")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await berlin.GetAsync("/api/v1/strangers")).StatusCode);
        using var withdrawn = await RunningServer.PostAsync(berlin, "/api/v1/releases/speech/1/withdraw", "");
        Assert.Equal(HttpStatusCode.Forbidden, withdrawn.StatusCode);
    }

    private async Task<List<string>> IdsAsync(string path) => Ids(await server.Operator.GetStringAsync(path));

    private static List<string> Ids(string json)
        => [.. JsonSerializer.Deserialize(json, FleetJson.Default.IReadOnlyListTokenView)!.Select(token => token.Id)];
}
