using System.Net;

namespace Fleet.Server.Tests.Http;

/// <summary>What is said of a query that cannot be meant.</summary>
public sealed class QueryCheckTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Every_fault_of_a_query_is_named_at_once()
    {
        using var answer = await server.Operator.GetAsync(
            "/api/v1/telemetry?since=yesterday&limit=5000&model=NO NAME&colour=red&after=a&after=b");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await RunningServer.ProblemOf(answer);
        Assert.Equal("The query has 5 faults.", problem.Title);
        Assert.Equal(
            ["since 'yesterday' cannot be read.", "limit 5000 must be within 1..1000.", "model 'NO NAME' must be"],
            problem.Problems.Take(3).Select((said, i) => i == 2 ? said[..23] : said));
        Assert.Equal("'colour' is not known here; device, model, since, after, limit are.", problem.Problems[3]);
        Assert.Equal("after is given 2 times.", problem.Problems[4]);
    }

    /// <summary>Used in earnest: <c>?limt=5</c> and <c>?labels=…</c> were answered with everything.</summary>
    [Theory]
    [InlineData("/api/v1/devices?limt=5", "'limt' is not known here; filter, after, limit are.")]
    [InlineData("/api/v1/devices/nobody?verbose=1", "'verbose' is not known here: this call has no query.")]
    [InlineData("/api/v1/audit?after=first", "after 'first' cannot be read.")]
    [InlineData("/api/v1/rollouts?limit=", "limit '' cannot be read.")]
    [InlineData("/api/v1/devices?limit=99999999999999999999", "limit '99999999999999999999' cannot be read.")]
    public async Task One_fault_is_the_title(string path, string sentence)
    {
        using var answer = await server.Operator.GetAsync(path);
        var problem = await RunningServer.ProblemOf(answer);
        Assert.Equal((400, sentence), (problem.Status, problem.Title));
        Assert.Empty(problem.Problems);
    }

    [Fact]
    public async Task Who_may_not_call_is_told_that_and_nothing_of_the_query()
    {
        using var nobody = server.ApiAs(null);
        using var answer = await nobody.GetAsync("/api/v1/devices?limt=5");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/v1/devices?filter=profile%3Dx64&LIMIT=1")]
    [InlineData("/api/v1/releases?model=speech&limit=1000")]
    [InlineData("/api/v1/telemetry/export?since=2026-01-01T00:00:00Z")]
    [InlineData("/api/v1/audit/verification?number=1&chain=ab")]
    [InlineData("/?anything=1")]
    public async Task What_is_right_is_answered(string path)
    {
        using var answer = await server.Operator.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
