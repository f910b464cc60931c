using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>What may be asked of a join token, and what becomes of it.</summary>
public sealed class TokenTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Theory]
    [InlineData(1, "00:00:01", HttpStatusCode.Created, "")]
    [InlineData(100_000, "365.00:00:00", HttpStatusCode.Created, "")]
    [InlineData(0, "01:00:00", HttpStatusCode.BadRequest, "uses 0 must be within 1..100000.")]
    [InlineData(100_001, "01:00:00", HttpStatusCode.BadRequest, "uses 100001 must be within 1..100000.")]
    [InlineData(1, "00:00:00", HttpStatusCode.BadRequest, "validFor 00:00:00 must be above zero and at most 365 days.")]
    [InlineData(1, "-00:00:01", HttpStatusCode.BadRequest, "must be above zero")]
    [InlineData(1, "365.00:00:01", HttpStatusCode.BadRequest, "at most 365 days.")]
    public async Task Token_is_made_at_the_limit_and_not_past_it(int uses, string validFor, HttpStatusCode status, string says)
    {
        using var answer = await PostAsync($$"""{"uses":{{uses}},"validFor":"{{validFor}}"}""");
        Assert.Equal(status, answer.StatusCode);
        if (says.Length > 0)
            Assert.Contains(says, string.Join('\n', (await RunningServer.ProblemOf(answer)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_that_is_wrong_with_a_token_is_told_at_once()
    {
        using var answer = await PostAsync("""{"uses":0,"validFor":"00:00:00","labels":{"Site":"a,b"}}""");
        Assert.Equal(4, (await RunningServer.ProblemOf(answer)).Problems.Count);
    }

    [Theory]
    [InlineData(Limits.LabelsPerDevice, HttpStatusCode.Created)]
    [InlineData(Limits.LabelsPerDevice + 1, HttpStatusCode.BadRequest)]
    public async Task Token_gives_as_many_labels_as_a_device_carries(int count, HttpStatusCode status)
    {
        var labels = string.Join(',', Enumerable.Range(0, count).Select(i => $"\"l{i}\":\"x\""));
        using var answer = await PostAsync($$$"""{"uses":1,"validFor":"01:00:00","labels":{{{{labels}}}}}""");
        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task Token_that_is_withdrawn_stays_withdrawn_and_may_be_withdrawn_again()
    {
        var token = await server.TokenAsync(uses: 5);
        for (var n = 0; n < 2; n++)
            Assert.Equal(HttpStatusCode.NoContent, (await server.Operator.DeleteAsync($"/api/v1/tokens/{token.Id}")).StatusCode);
        var (refused, key) = await server.TryEnrollAsync(token.Token, "late");
        key.Dispose();
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.True((await ViewAsync(token.Id)).Revoked);
    }

    [Fact]
    public async Task Token_counts_the_devices_it_enrolled_and_opens_for_no_more()
    {
        var token = await server.TokenAsync(uses: 2);
        foreach (var device in (string[])["first-of-two", "second-of-two"])
        {
            var (taken, key) = await server.TryEnrollAsync(token.Token, device);
            key.Dispose();
            Assert.True(taken.IsSuccessStatusCode);
        }
        var (refused, third) = await server.TryEnrollAsync(token.Token, "third-of-two");
        third.Dispose();
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var view = await ViewAsync(token.Id);
        Assert.Equal((2, 2, false), (view.Uses, view.Used, view.Revoked));
    }

    [Fact]
    public async Task Token_nobody_made_cannot_be_withdrawn()
    {
        using var answer = await server.Operator.DeleteAsync("/api/v1/tokens/0123456789abcdef");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("There is no join token '0123456789abcdef'.", (await RunningServer.ProblemOf(answer)).Title);
    }

    [Fact]
    public async Task List_shows_the_newest_first_and_no_secret()
    {
        var (older, newer) = (await server.TokenAsync(), await server.TokenAsync());
        var text = await server.Operator.GetStringAsync("/api/v1/tokens");
        var ids = JsonSerializer.Deserialize(text, FleetJson.Default.IReadOnlyListTokenView)!.Select(token => token.Id).ToList();
        Assert.True(ids.IndexOf(newer.Id) < ids.IndexOf(older.Id));
        Assert.DoesNotContain(newer.Token.Split('.')[2], text, StringComparison.Ordinal);
    }

    private Task<HttpResponseMessage> PostAsync(string json) => RunningServer.PostAsync(server.Operator, "/api/v1/tokens", json);

    private async Task<TokenView> ViewAsync(string id)
    {
        var text = await server.Operator.GetStringAsync("/api/v1/tokens");
        return Assert.Single(JsonSerializer.Deserialize(text, FleetJson.Default.IReadOnlyListTokenView)!, token => token.Id == id);
    }
}
