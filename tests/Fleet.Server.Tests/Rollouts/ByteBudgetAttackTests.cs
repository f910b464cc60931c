using System.Net;
using System.Net.Http.Headers;
using Fleet.Server.Rollouts;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>A device that wants more bytes than the plan of its rollout allows.</summary>
public sealed class ByteBudgetAttackTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Downloads_begun_at_once_get_no_more_together_than_the_budget()
    {
        var (client, path, rollout) = await BeginAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => client.GetAsync(path)));
        Assert.Equal(2, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        // 503 while the two are under way, which might have sent less.
        Assert.All(answers.Where(answer => answer.StatusCode != HttpStatusCode.OK), answer => Assert.True(
            answer.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.ServiceUnavailable, $"{answer.StatusCode}"));
        await FetchedAsync(rollout, 10_000);
        using var last = await client.GetAsync(path);
        Assert.Equal(HttpStatusCode.Forbidden, last.StatusCode);
    }

    [Theory]
    [InlineData("bytes=0-4999,0-4999")]
    [InlineData("bytes=0-0,-1")]
    [InlineData("bytes=0-9223372036854775807")]
    [InlineData("bytes=-9223372036854775807")]
    [InlineData("bytes=0-0", "\"another\"")]
    [InlineData("bytes=1-0")]
    [InlineData("bytes=0-0,")]
    [InlineData("bytes=999999999-,")]
    public async Task Range_that_hides_how_much_is_sent_is_charged_for_all_of_it(string range, string? ifRange = null)
    {
        var (client, path, rollout) = await BeginAsync();
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Range", range);
            if (ifRange is not null) request.Headers.IfRange = new RangeConditionHeaderValue(ifRange);
            using var answer = await client.SendAsync(request);
            Assert.Equal(i < 2 ? 5000 : 0, answer.IsSuccessStatusCode ? answer.Content.Headers.ContentLength : 0);
        }
        await FetchedAsync(rollout, 10_000);
    }

    /// <summary>A device that may fetch 11,999 bytes, and an artifact of 5,000.</summary>
    private async Task<(HttpClient Client, Uri Path, string Rollout)> BeginAsync()
    {
        await _fleet.EnrollAsync(1);
        var release = await _fleet.ReleaseAsync();
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(release) with { MaximumBytesPerDevice = 11_999 });
        return (_fleet.ClientOf("dev-00000"), new($"/artifacts/{release.ReadManifest().ValidationSet.Sha256}", UriKind.Relative),
            rollout.Id);
    }

    private Task FetchedAsync(string rollout, long bytes) => Eventually.TrueAsync($"{bytes} bytes are counted", async () =>
    {
        await _fleet.Of<FetchLedger>().WriteAsync(default);
        return (await _fleet.ViewAsync(rollout)).Fetched == bytes;
    });
}
