using System.Text.RegularExpressions;

namespace Fleet.Server.Tests.Dashboard;

/// <summary>The page of a rollout, over a fleet with releases.</summary>
public sealed class RolloutPageTests
{
    [Fact]
    public async Task Page_of_a_rollout_says_whose_word_the_figures_of_its_release_are()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(1);
        var rollout = await fleet.RollOutAsync(TestFleet.PlanOf(await fleet.ReleaseAsync()));

        var page = await fleet.Http.GetStringAsync(new Uri($"/rollouts/{rollout.Id}", UriKind.Relative));

        Assert.Contains("Figures of speech 1", page, StringComparison.Ordinal);
        Assert.Contains("by worker tester with key workers, on a processor", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_of_a_rollout_with_many_devices_shows_a_part_says_so_and_leads_to_the_next()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(250);
        var rollout = await fleet.RollOutAsync(TestFleet.PlanOf(await fleet.ReleaseAsync()));
        await fleet.UntilAsync(rollout.Id, "has told all", view => view.Waves[0].Running == 250);

        var seen = new List<string>();
        var parts = new List<string>();
        for (var path = $"/rollouts/{rollout.Id}"; path.Length > 0;)
        {
            var page = await fleet.Http.GetStringAsync(new Uri(path, UriKind.Relative));
            seen.AddRange(Regex.Matches(page, "href=\"/devices/(dev-[0-9]+)\"").Select(match => match.Groups[1].Value));
            parts.Add(Regex.Match(page, "<p>([0-9]+ to [0-9]+ of [0-9]+)</p>").Groups[1].Value);
            path = Regex.Match(page, "href=\"(/rollouts/[^\"]+)\">Next page").Groups[1].Value;
        }

        Assert.Equal(["1 to 100 of 250", "101 to 200 of 250", "201 to 250 of 250"], parts);
        Assert.Equal(250, seen.Distinct().Count());
        Assert.Equal(250, seen.Count);
    }
}
