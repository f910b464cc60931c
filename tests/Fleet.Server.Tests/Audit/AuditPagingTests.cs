using System.Net;
using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Audit;

namespace Fleet.Server.Tests.Audit;

/// <summary>The trail, page by page from either end: whoever asked for the newest thousand lines and one read all of it.</summary>
public sealed class AuditPagingTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    private string Trail => Path.Combine(_fleet.Folder, "audit.jsonl");

    private async Task AppendAsync(int lines, string who = "anna")
    {
        var trail = _fleet.Of<AuditTrail>();
        for (var i = 0; i < lines; i++)
            await trail.AppendAsync(new AuditEntry(_fleet.Clock.GetUtcNow(), who, "", $"line {i} {new string('x', i % 700)}", null));
    }

    /// <summary>Every page, in the order they were read.</summary>
    private async Task<IReadOnlyList<IReadOnlyList<AuditView>>> PagesAsync(string query)
    {
        var pages = new List<IReadOnlyList<AuditView>>();
        for (string? path = $"/api/v1/audit?{query}"; path is not null;)
        {
            using var answer = await _fleet.Http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            pages.Add((await answer.Content.ReadFromJsonAsync(FleetJson.Default.IReadOnlyListAuditView))!);
            path = answer.Headers.TryGetValues("Link", out var links) ? links.Single()[1..].Split('>')[0] : null;
        }
        return pages;
    }

    [Fact]
    public async Task Pages_from_the_end_hold_every_line_once_and_in_order()
    {
        await AppendAsync(500);
        var forward = (await PagesAsync("after=0&limit=200")).SelectMany(page => page).ToList();
        var backward = await PagesAsync("limit=200");
        Assert.Equal([200, 200, forward.Count - 400], backward.Select(page => page.Count));
        Assert.Equal(forward.Select(line => line.Chain), backward.Reverse().SelectMany(page => page).Select(line => line.Chain));
        Assert.Equal(Enumerable.Range(1, forward.Count).Select(number => (long)number), forward.Select(line => line.Number));

        await AppendAsync(3, "berta");
        Assert.Equal([3], (await PagesAsync("who=berta&limit=3")).Select(page => page.Count));
        Assert.Equal([2, 1], (await PagesAsync("who=berta&limit=2")).Select(page => page.Count));
        Assert.Equal(["line 499"], (await PagesAsync("before=502&limit=1"))[0].Select(line => line.What[..8]));
        using var both = await _fleet.Http.GetAsync(new Uri("/api/v1/audit?after=1&before=9", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, both.StatusCode);
    }

    [Fact]
    public async Task Pages_from_the_end_go_on_in_the_file_that_was_moved_and_leave_a_line_without_its_end()
    {
        await AppendAsync(30);
        File.Move(Trail, Trail + ".1");
        await AppendAsync(30);
        await File.AppendAllTextAsync(Trail, """{"at":"2026-01-01T00:00:00Z","who":"nobody""");
        var lines = (await PagesAsync("limit=7")).Reverse().SelectMany(page => page).ToList();
        Assert.InRange(lines.Count, 62, 70);
        Assert.Equal(Enumerable.Range(1, lines.Count).Select(number => (long)number), lines.Select(line => line.Number));
    }

    /// <summary>Lines of before they had numbers.</summary>
    [Fact]
    public async Task Pages_from_the_end_number_lines_of_earlier_programs_by_their_place()
    {
        await _fleet.LendAsync(async () => await File.WriteAllLinesAsync(
            Trail, Enumerable.Range(1, 20).Select(
                i => $$"""{"at":"2026-01-01T00:00:{{i:00}}Z","who":"operator","from":"","what":"POST /old/{{i}}","status":200}""")));
        await AppendAsync(5);
        var lines = (await PagesAsync("limit=6")).Reverse().SelectMany(page => page).ToList();
        Assert.Equal(Enumerable.Range(1, lines.Count).Select(number => (long)number), lines.Select(line => line.Number));
        Assert.Equal("POST /old/1", lines[0].What);
    }
}
