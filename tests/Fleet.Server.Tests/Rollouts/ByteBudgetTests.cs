using System.Net;
using System.Net.Http.Headers;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Releases;
using Fleet.Server.Rollouts;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>What devices fetch is counted while it is served, over real HTTP, and held to the plan's budgets.</summary>
public sealed class ByteBudgetTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private ReleaseManifest _release = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    /// <summary>5000 bytes.</summary>
    private string ValidationSet => _release.ValidationSet.Sha256;

    /// <summary>2000 bytes.</summary>
    private string Variant => _release.Variants[0].Artifact.Sha256;

    [Fact]
    public async Task Resumed_and_repeated_downloads_are_charged_as_they_are_and_others_not()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await StartAsync(plan => plan);
        Assert.Equal(2000, await FetchAsync("dev-00000", Variant));
        Assert.Equal(1500, await FetchAsync("dev-00000", ValidationSet, new RangeHeaderValue(0, 1499)));
        Assert.Equal(3500, await FetchAsync("dev-00000", ValidationSet, new RangeHeaderValue(1500, null)));
        Assert.Equal(10, await FetchAsync("dev-00000", ValidationSet, new RangeHeaderValue(null, 10)));
        Assert.Equal(2000, await FetchAsync("dev-00000", Variant));
        Assert.Equal(5000, await FetchAsync("dev-00001", ValidationSet));
        using var client = _fleet.ClientOf("dev-00000");
        using var head = new HttpRequestMessage(HttpMethod.Head, PathOf(Variant));
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(head)).StatusCode);

        var view = await WrittenAsync(rollout, 14_010);
        Assert.Equal([9010L, 5000L], view.Devices.OrderBy(device => device.Device.Value).Select(device => device.Fetched));
        Assert.Equal(14_010, Assert.Single(await _fleet.Store.RolloutViewsAsync(null, 1, default)).Fetched);
        var page = await _fleet.Http.GetStringAsync(new Uri($"/rollouts/{rollout}", UriKind.Relative));
        Assert.Contains("<b>14,010</b>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_that_breaks_off_is_charged_for_what_went_out()
    {
        await _fleet.EnrollAsync(1);
        _release = (await LargeAsync()).ReadManifest();
        var rollout = await StartAsync(plan => plan with { MaximumBytesPerDevice = 200 << 20 });
        using (var client = _fleet.ClientOf("dev-00000"))
        {
            using var answer = await client.GetAsync(PathOf(ValidationSet), HttpCompletionOption.ResponseHeadersRead);
            await using var body = await answer.Content.ReadAsStreamAsync();
            await body.ReadExactlyAsync(new byte[1 << 20]);
        }
        await _fleet.UntilAsync(rollout, "counts what went out", view =>
        {
            _fleet.Clock.Advance(FetchLedger.Interval);
            return view.Fetched is >= 1 << 20 and < LargeBytes;
        });
        // What was granted and not sent is free again.
        await _fleet.Of<FetchLedger>().WriteAsync(default);
        Assert.Equal(LargeBytes, await FetchAsync("dev-00000", ValidationSet));
    }

    /// <summary>
    /// The line of a device dies in the middle of a download, without a word to the server, whose next write waits for it. The device is
    /// back at once and asks for the rest.
    /// </summary>
    [Fact]
    public async Task Download_goes_on_while_the_connection_that_died_under_it_still_holds_its_bytes()
    {
        await _fleet.EnrollAsync(1);
        _release = (await LargeAsync()).ReadManifest();
        // The rest fits beside what may have gone out before, and not beside all that the dead download had set aside.
        var rollout = await StartAsync(plan => plan with { MaximumBytesPerDevice = LargeBytes + LargeBytes - (1 << 20) - 1 });
        using var dead = _fleet.ClientOf("dev-00000");
        using var answer = await dead.GetAsync(PathOf(ValidationSet), HttpCompletionOption.ResponseHeadersRead);
        await using var body = await answer.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[1 << 20]);

        using (var early = await AskAsync(1 << 20))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, early.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(2), early.Headers.RetryAfter!.Delta);
        }
        Assert.Equal("", (await _fleet.ViewAsync(rollout)).Devices[0].Detail);
        var rest = await Eventually.ValueAsync("the rest is sent", async () =>
        {
            _fleet.Clock.Advance(FetchLedger.DeadAfter);
            using var again = await AskAsync(1 << 20);
            return again.StatusCode == HttpStatusCode.ServiceUnavailable ? null : await again.Content.ReadAsByteArrayAsync();
        });
        Assert.Equal(LargeBytes - (1 << 20), rest.Length);

        async Task<HttpResponseMessage> AskAsync(long from)
        {
            using var client = _fleet.ClientOf("dev-00000");
            using var request = new HttpRequestMessage(HttpMethod.Get, PathOf(ValidationSet));
            request.Headers.Range = new RangeHeaderValue(from, null);
            return await client.SendAsync(request);
        }
    }

    [Fact]
    public async Task What_was_fetched_is_known_after_a_restart()
    {
        await _fleet.EnrollAsync(1);
        var rollout = await StartAsync(plan => plan with { MaximumBytesPerDevice = 7000 });
        Assert.Equal(5000, await FetchAsync("dev-00000", ValidationSet));
        await _fleet.RestartAsync();
        Assert.Equal(5000, (await _fleet.ViewAsync(rollout)).Fetched);
        await RefusedAsync("dev-00000", ValidationSet);
        Assert.Equal(2000, await FetchAsync("dev-00000", Variant));
        await RefusedAsync("dev-00000", Variant);
    }

    [Fact]
    public async Task Device_that_repeats_its_downloads_is_refused_more_than_its_budget_and_its_page_says_why()
    {
        await _fleet.EnrollAsync(1);
        var rollout = await StartAsync(plan => plan with { MaximumBytesPerDevice = 7000 });
        for (var part = 0; part < 5; part++) Assert.Equal(1000, await FetchAsync("dev-00000", ValidationSet, new RangeHeaderValue(0, 999)));
        const string Why = "The device has fetched 5,000 bytes for the rollout and asks for 5,000 more; the plan allows 7,000.";
        Assert.Contains(Why, await RefusedAsync("dev-00000", ValidationSet), StringComparison.Ordinal);
        Assert.Equal(2000, await FetchAsync("dev-00000", Variant));
        Assert.Equal(Why, (await WrittenAsync(rollout, 7000)).Devices[0].Detail);
    }

    [Fact]
    public async Task Rollout_whose_devices_repeat_their_downloads_tells_nobody_it_has_no_bytes_for_and_pauses()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await StartAsync(plan => plan with { MaximumBytes = 14_000 }, "50% 100%");
        var first = Assert.Single(await _fleet.RunningAsync(rollout));
        Assert.Equal(5000, await FetchAsync(first.Value, ValidationSet));
        Assert.Equal(2000, await FetchAsync(first.Value, Variant));
        Assert.Equal(1000, await FetchAsync(first.Value, Variant, new RangeHeaderValue(0, 999)));
        await WrittenAsync(rollout, 8000);
        await _fleet.ReportAsync(first, DeploymentPhase.Active);
        var paused = await _fleet.UntilAsync(rollout, "pauses", view => view.Status == RolloutStatus.Paused);
        Assert.Equal("Devices have fetched 8,000 bytes of 14,000; those on their way may need 0, the next 7,000.", paused.Reason);
        Assert.Equal((2, 0), (paused.OpenWave, paused.Waves[1].Running));
        await _fleet.Orders.ResumeAsync(rollout, default);
        await _fleet.UntilAsync(rollout, "pauses again", view => view.Status == RolloutStatus.Paused);
        Assert.Null(await _fleet.ToldAsync(paused.Devices.Single(device => device.Wave == 2).Device));

        await StartAsync(plan => plan with { MaximumBytes = 14_000, Supersede = true });
        Assert.Equal(RolloutStatus.Aborted, (await _fleet.ViewAsync(rollout)).Status);
    }

    [Fact]
    public async Task Next_device_waits_until_one_on_its_way_needs_less_than_it_could()
    {
        await _fleet.EnrollAsync(3);
        var rollout = await StartAsync(plan => plan with { MaximumBytes = 21_000, MinimumSuccessRate = 0.5 }, "50% 100%");
        var first = await _fleet.RunningAsync(rollout);
        Assert.Equal(2, first.Count);
        for (var part = 0; part < 5; part++) Assert.Equal(2000, await FetchAsync(first[0].Value, Variant));
        await WrittenAsync(rollout, 10_000);
        await _fleet.ReportAsync(first[0], DeploymentPhase.Active);
        var held = await _fleet.UntilAsync(rollout, "waits", view => view.Waves[1].Held is not null);
        Assert.Equal("Devices have fetched 10,000 bytes of 21,000; those on their way may need 7,000, the next 7,000.", held.Waves[1].Held);
        Assert.Equal(RolloutStatus.Running, held.Status);

        Assert.Equal(2000, await FetchAsync(first[1].Value, Variant)); // it kept the validation set
        await WrittenAsync(rollout, 12_000);
        await _fleet.ReportAsync(first[1], DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "tells the last one", view => view.Waves[1].Running == 1);
        await _fleet.SucceedAsync(rollout);
    }

    [Fact]
    public async Task Device_that_lost_its_disk_after_the_rollout_fetches_again_whatever_the_budget_was()
    {
        await _fleet.EnrollAsync(1);
        var rollout = await StartAsync(plan => plan with { MaximumBytes = 7000, MaximumBytesPerDevice = 7000 });
        Assert.Equal(7000, await FetchAsync("dev-00000", ValidationSet) + await FetchAsync("dev-00000", Variant));
        await WrittenAsync(rollout, 7000);
        await _fleet.SucceedAsync(rollout);
        Assert.Equal(7000, await FetchAsync("dev-00000", ValidationSet) + await FetchAsync("dev-00000", Variant));
        Assert.Equal(7000, (await _fleet.ViewAsync(rollout)).Fetched);
    }

    // Linux lets a connection hold back 32 MiB where it is received and 4 where it is sent.
    private const int LargeBytes = 64 << 20;

    /// <summary>A release whose validation set does not fit what a connection holds back.</summary>
    private async Task<Release> LargeAsync()
    {
        var variant = await _fleet.VariantAsync("x64-int8", "x64");
        var spec = TestFleet.SpecOf("speech");
        var build = (await _fleet.Queue.SubmitAsync(spec, default)).Value!;
        var lease = (await _fleet.Queue.LeaseAsync("tester", "workers", default))!;
        var report = await _fleet.ReportAsync("speech", variant) with
        {
            Spec = spec,
            ValidationSet = await _fleet.ArtifactAsync("validation.npz", LargeBytes),
        };
        Assert.Null((await _fleet.Queue.CompleteAsync(build.Id, new(lease.LeaseId, report, "<p>report</p>"), default)).Problem);
        return (await _fleet.Of<Publisher>().PublishAsync(new(build.Id), default)).Value!;
    }

    private async Task<string> StartAsync(Func<RolloutPlan, RolloutPlan> with, string waves = "100%")
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var release = _release is { Version: var version }
            ? (await _fleet.Store.FindAsync<Release>(Release.IdOf("speech", version), default))!.Document
            : await _fleet.ReleaseAsync();
        _release = release.ReadManifest();
        return (await _fleet.RollOutAsync(with(TestFleet.PlanOf(release, waves)))).Id;
    }

    /// <summary>The rollout once so much is counted: the last part of an answer is there a moment before it is charged.</summary>
    private Task<RolloutView> WrittenAsync(string rollout, long fetched)
        => Eventually.ValueAsync($"{fetched} bytes are counted", async () =>
        {
            await _fleet.Of<FetchLedger>().WriteAsync(default);
            return await _fleet.ViewAsync(rollout) is var view && view.Fetched == fetched ? view : null;
        });

    private async Task<int> FetchAsync(string device, string sha256, RangeHeaderValue? range = null)
    {
        using var client = _fleet.ClientOf(device);
        using var request = new HttpRequestMessage(HttpMethod.Get, PathOf(sha256));
        request.Headers.Range = range;
        using var answer = await client.SendAsync(request);
        Assert.Equal(range is null ? HttpStatusCode.OK : HttpStatusCode.PartialContent, answer.StatusCode);
        return (await answer.Content.ReadAsByteArrayAsync()).Length;
    }

    private async Task<string> RefusedAsync(string device, string sha256)
    {
        using var client = _fleet.ClientOf(device);
        using var answer = await client.GetAsync(PathOf(sha256));
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private static Uri PathOf(string sha256) => new($"/artifacts/{sha256}", UriKind.Relative);
}
