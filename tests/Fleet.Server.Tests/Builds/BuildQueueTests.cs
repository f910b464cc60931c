using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Settings;
using Fleet.Server.Tests.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Builds;

/// <summary>The build queue over real HTTP, as an operator and a worker meet it.</summary>
public sealed class BuildQueueTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Build_is_queued_leased_advanced_and_completed()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        Assert.Equal(build.Id, lease.BuildId);
        Assert.Null(await LeaseAsync());
        Assert.Equal(HttpStatusCode.OK, await ProgressAsync(lease, 0.5));
        var running = await BuildAsync(build.Id);
        Assert.Equal((BuildStatus.Running, 0.5, "worker-1"), (running.Status, running.Progress!.Fraction, running.Worker));

        Assert.Equal(HttpStatusCode.OK, await CompleteAsync(lease));
        Assert.Equal(BuildStatus.Succeeded, (await BuildAsync(build.Id)).Status);
        var report = await _fleet.Http.GetFromJsonAsync($"/api/v1/builds/{build.Id}/report", FleetJson.Default.BuildReport);
        Assert.Equal("speech", report!.Spec.Model);
        using var page = await _fleet.Http.GetAsync(new Uri($"/builds/{build.Id}/report.html", UriKind.Relative));
        Assert.Equal("<p>page</p>", await page.Content.ReadAsStringAsync());
        Assert.Contains("sandbox", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Builds_are_leased_oldest_first()
    {
        var first = await SubmitAsync();
        _fleet.Clock.Advance(TimeSpan.FromMilliseconds(1));
        var second = await SubmitAsync();
        Assert.Equal([first.Id, second.Id], [(await LeaseAsync())!.BuildId, (await LeaseAsync())!.BuildId]);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Spec_with_a_file_that_workers_of_this_machine_would_miss_is_refused(int workersHere, bool queued)
    {
        var queue = new BuildQueue(
            _fleet.Store, _fleet.Of<ArtifactStore>(), _fleet.Of<BuildsOptions>(), new FleetOptions { Workers = workersHere },
            _fleet.Clock, NullLogger<BuildQueue>.Instance);
        var missing = Path.Combine(_fleet.Folder, "nowhere.npz");
        var spec = TestFleet.SpecOf("speech") with { Data = new DataSpec { Kind = "npz", Train = missing } };
        var answer = await queue.SubmitAsync(spec, default);
        Assert.Equal(queued, answer.Value is not null);
        if (!queued)
        {
            Assert.Equal(
                [$"data.train: {missing} does not exist on the server's machine, {Environment.MachineName}."],
                answer.Problem!.Problems);
        }
        Assert.Equal(queued, await LeaseAsync() is not null);
    }

    [Fact]
    public async Task Queue_may_be_as_long_as_its_settings_allow()
    {
        await using var fleet = await TestFleet.StartAsync("--Fleet:Builds:MaximumOpenBuilds=10000");
        Assert.NotNull((await fleet.Queue.SubmitAsync(TestFleet.SpecOf("speech"), default)).Value);
        Assert.NotNull(await fleet.Queue.LeaseAsync("worker-1", "workers", default));
    }

    /// <summary>A server that was started on a full disk while a build ran has stopped itself.</summary>
    [Fact]
    public async Task Leases_that_cannot_be_renewed_at_a_start_are_renewed_as_soon_as_the_disk_takes_it()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        var options = _fleet.Of<BuildsOptions>();
        var store = new FailingStore(_fleet.Store) { FailsToWrite = true };
        var queue = new BuildQueue(
            store, _fleet.Of<ArtifactStore>(), options, new FleetOptions(), _fleet.Clock, NullLogger<BuildQueue>.Instance);
        var clock = new FakeTimeProvider(_fleet.Clock.GetUtcNow());
        using var watch = new LeaseWatch(queue, options, clock, NullLogger<LeaseWatch>.Instance);
        _fleet.Clock.Advance(options.RenewWithin / 2);
        await watch.StartAsync(default);
        await Eventually.TrueAsync("it was tried", () => store.Refusals > 0);
        Assert.False(watch.ExecuteTask!.IsCompleted);

        store.FailsToWrite = false;
        await Eventually.TrueAsync("the lease has its full time again", async () =>
        {
            clock.Advance(options.RenewWithin);
            return (await _fleet.Store.FindAsync<Build>(build.Id, default))!.Document.Lease!.ExpiresAt
                == _fleet.Clock.GetUtcNow() + options.LeaseTime;
        });
        Assert.Equal(HttpStatusCode.OK, await ProgressAsync(lease, 0.5));
        await watch.StopAsync(default);
    }

    [Fact]
    public async Task Two_workers_that_ask_at_once_never_get_the_same_build()
    {
        for (var i = 0; i < 5; i++) await SubmitAsync();
        var leases = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => LeaseAsync()));
        Assert.Equal(5, leases.OfType<LeaseResponse>().Select(lease => lease.BuildId).Distinct().Count());
        Assert.Equal(5, leases.Count(lease => lease is null));
    }

    [Fact]
    public async Task Worker_that_falls_silent_loses_its_build_to_another()
    {
        var build = await SubmitAsync();
        var dead = (await LeaseAsync())!;
        _fleet.Clock.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(BuildStatus.Running, (await BuildAsync(build.Id)).Status);
        _fleet.Clock.Advance(TimeSpan.FromSeconds(21));
        await Eventually.TrueAsync("the build is queued again", async () => (await BuildAsync(build.Id)).Status == BuildStatus.Queued);

        Assert.Equal(HttpStatusCode.Conflict, await ProgressAsync(dead, 0.9));
        var living = (await LeaseAsync("worker-2"))!;
        Assert.Equal(HttpStatusCode.Conflict, await ProgressAsync(dead, 0.9));
        Assert.Equal(HttpStatusCode.Conflict, await CompleteAsync(dead));
        Assert.Equal(HttpStatusCode.Conflict, await FailAsync(dead, "late"));
        Assert.Equal(HttpStatusCode.OK, await CompleteAsync(living));
        Assert.Equal((BuildStatus.Succeeded, 2), ((await BuildAsync(build.Id)).Status, (await BuildAsync(build.Id)).Attempts));
    }

    [Fact]
    public async Task Build_whose_worker_dies_three_times_is_given_up()
    {
        var build = await SubmitAsync();
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await Eventually.TrueAsync("it can be leased", async () => await LeaseAsync() is not null);
            _fleet.Clock.Advance(TimeSpan.FromSeconds(80));
            await Eventually.TrueAsync("the lease lapses", async () => (await BuildAsync(build.Id)).Status != BuildStatus.Running);
        }
        var failed = await BuildAsync(build.Id);
        Assert.Equal(BuildStatus.Failed, failed.Status);
        Assert.StartsWith("The worker died 3 times", failed.Failure, StringComparison.Ordinal);
        Assert.Null(await LeaseAsync());
    }

    [Fact]
    public async Task Progress_keeps_a_lease_alive_for_as_long_as_it_comes()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        for (var i = 0; i < 10; i++)
        {
            _fleet.Clock.Advance(TimeSpan.FromSeconds(50));
            Assert.Equal(HttpStatusCode.OK, await ProgressAsync(lease, i / 10.0));
        }
        Assert.Equal((BuildStatus.Running, 1), ((await BuildAsync(build.Id)).Status, (await BuildAsync(build.Id)).Attempts));
    }

    [Fact]
    public async Task Server_that_was_down_longer_than_a_lease_lets_the_worker_go_on()
    {
        await SubmitAsync();
        var lease = (await LeaseAsync())!;
        _fleet.Clock.Advance(TimeSpan.FromSeconds(30));
        await _fleet.RestartAsync();
        _fleet.Clock.Advance(TimeSpan.FromSeconds(55));
        Assert.Equal(HttpStatusCode.OK, await ProgressAsync(lease, 0.7));
    }

    [Fact]
    public async Task Cancelled_build_tells_its_worker_with_the_next_progress()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/api/v1/builds/{build.Id}/cancel", ""));
        Assert.Equal(HttpStatusCode.OK, await PostAsync($"/api/v1/builds/{build.Id}/cancel", ""));
        Assert.Equal(HttpStatusCode.Conflict, await ProgressAsync(lease, 0.5));
        Assert.Equal(BuildStatus.Cancelled, (await BuildAsync(build.Id)).Status);
    }

    [Fact]
    public async Task Completing_twice_is_allowed_and_ends_once()
    {
        await SubmitAsync();
        var lease = (await LeaseAsync())!;
        Assert.Equal(HttpStatusCode.OK, await CompleteAsync(lease));
        Assert.Equal(HttpStatusCode.OK, await CompleteAsync(lease));
        Assert.Equal(HttpStatusCode.Conflict, await FailAsync(lease, "changed my mind"));
    }

    [Fact]
    public async Task Failed_build_says_why()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        Assert.Equal(HttpStatusCode.OK, await FailAsync(lease, "The data has 3 labels for 4 samples."));
        Assert.Equal((BuildStatus.Failed, "The data has 3 labels for 4 samples."),
            ((await BuildAsync(build.Id)).Status, (await BuildAsync(build.Id)).Failure));
        Assert.Equal(HttpStatusCode.Conflict,
            (await _fleet.Http.GetAsync(new Uri($"/api/v1/builds/{build.Id}/report", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task Build_whose_variants_were_all_rejected_has_failed_and_its_report_says_why()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        var report = await _fleet.ReportAsync("speech", await _fleet.VariantAsync("x64-int8", "x64", accepted: false));
        var request = JsonSerializer.Serialize(
            new CompleteRequest(lease.LeaseId, report, "<p>page</p>"), FleetJson.Default.CompleteRequest);
        // The answer to the first may get lost: the worker says it again.
        for (var i = 0; i < 2; i++)
        {
            using var answer = await PostJsonAsync($"/api/v1/worker/builds/{build.Id}/complete", request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        var view = await BuildAsync(build.Id);
        Assert.Equal((BuildStatus.Failed, true), (view.Status, view.HasReport));
        Assert.Equal(
            "No variant was accepted; the report shows what was measured. x64-int8: Accuracy dropped by 0.03; 0.01 is allowed.",
            view.Failure);
        Assert.NotNull(await _fleet.Http.GetFromJsonAsync($"/api/v1/builds/{build.Id}/report", FleetJson.Default.BuildReport));
    }

    [Fact]
    public async Task Report_that_names_what_was_not_uploaded_is_refused_and_the_build_goes_on()
    {
        var build = await SubmitAsync();
        var lease = (await LeaseAsync())!;
        var variant = (await _fleet.VariantAsync("x64-int8", "x64")) with { Artifact = new("x64-int8.onnx", new string('a', 64), 5) };
        var report = await _fleet.ReportAsync("speech", variant);
        using var answer = await PostJsonAsync($"/api/v1/worker/builds/{build.Id}/complete",
            JsonSerializer.Serialize(new CompleteRequest(lease.LeaseId, report, ""), FleetJson.Default.CompleteRequest));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("was not uploaded", (await ProblemAsync(answer)).Problems.Single(), StringComparison.Ordinal);
        Assert.Equal(BuildStatus.Running, (await BuildAsync(build.Id)).Status);
    }

    [Theory]
    [InlineData("""{"model":"speech","data":{"kind":"vibration","samples":100},"teacher":{"family":"conv1d"}"""
        + ""","student":{"famly":"conv1d"}}""", "famly")]
    [InlineData("""{"model":"speech","modle":1}""", "modle")]
    [InlineData("""{"model":"speech"}""", "data")]
    [InlineData("""{"model":""", "")]
    [InlineData("", "")]
    [InlineData("null", "")]
    public async Task Spec_that_is_not_understood_is_refused_by_the_key(string spec, string key)
    {
        using var answer = await PostJsonAsync("/api/v1/builds", spec);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(key, string.Join(' ', (await ProblemAsync(answer)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_problem_of_a_spec_is_named_at_once()
    {
        var spec = TestFleet.SpecOf("speech") with
        {
            Model = "Speech!",
            Student = new StudentSpec { Family = "rnn" },
            Quantization = new QuantizationSpec { Profiles = ["toaster"] },
        };
        using var answer = await PostJsonAsync("/api/v1/builds", JsonSerializer.Serialize(spec, FleetJson.Default.BuildSpec));
        Assert.Equal(3, (await ProblemAsync(answer)).Problems.Count);
    }

    [Fact]
    public async Task Request_past_the_limit_is_refused()
    {
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge,
            (await PostJsonAsync("/api/v1/builds", new string(' ', Limits.ApiRequestBytes + 1))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest,
            (await PostJsonAsync("/api/v1/builds", new string(' ', Limits.ApiRequestBytes))).StatusCode);
    }

    [Theory]
    [InlineData("/api/v1/builds/nothing")]
    [InlineData("/api/v1/builds/nothing/report")]
    [InlineData("/builds/nothing/report.html")]
    [InlineData("/api/v1/releases/speech/1")]
    [InlineData("/api/v1/rollouts/nothing")]
    public async Task What_does_not_exist_is_said_so(string path)
        => Assert.Equal(HttpStatusCode.NotFound, (await _fleet.Http.GetAsync(new Uri(path, UriKind.Relative))).StatusCode);

    private async Task<BuildView> SubmitAsync()
    {
        using var answer = await PostJsonAsync(
            "/api/v1/builds", JsonSerializer.Serialize(TestFleet.SpecOf("speech"), FleetJson.Default.BuildSpec));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(FleetJson.Default.BuildView))!;
    }

    private async Task<LeaseResponse?> LeaseAsync(string worker = "worker-1")
    {
        using var answer = await PostJsonAsync("/api/v1/worker/leases", $$"""{"worker":"{{worker}}"}""");
        return answer.StatusCode == HttpStatusCode.NoContent
            ? null
            : await answer.Content.ReadFromJsonAsync(FleetJson.Default.LeaseResponse);
    }

    private Task<HttpStatusCode> ProgressAsync(LeaseResponse lease, double fraction)
        => PostAsync($"/api/v1/worker/builds/{lease.BuildId}/progress",
            JsonSerializer.Serialize(
                new ProgressRequest(lease.LeaseId, new BuildProgress("training", fraction)), FleetJson.Default.ProgressRequest));

    private async Task<HttpStatusCode> CompleteAsync(LeaseResponse lease)
        => await PostAsync($"/api/v1/worker/builds/{lease.BuildId}/complete", JsonSerializer.Serialize(
            new CompleteRequest(lease.LeaseId, await _fleet.ReportAsync("speech", await _fleet.VariantAsync("x64-int8", "x64")),
                "<p>page</p>"), FleetJson.Default.CompleteRequest));

    private Task<HttpStatusCode> FailAsync(LeaseResponse lease, string reason)
        => PostAsync($"/api/v1/worker/builds/{lease.BuildId}/fail",
            JsonSerializer.Serialize(new FailRequest(lease.LeaseId, reason), FleetJson.Default.FailRequest));

    private async Task<BuildView> BuildAsync(string id)
        => (await _fleet.Http.GetFromJsonAsync($"/api/v1/builds/{id}", FleetJson.Default.BuildView))!;

    private async Task<HttpStatusCode> PostAsync(string path, string json)
    {
        using var answer = await PostJsonAsync(path, json);
        return answer.StatusCode;
    }

    private async Task<HttpResponseMessage> PostJsonAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await _fleet.Http.PostAsync(new Uri(path, UriKind.Relative), content);
    }

    private static async Task<ApiProblem> ProblemAsync(HttpResponseMessage answer)
        => (await answer.Content.ReadFromJsonAsync(FleetJson.Default.ApiProblem))!;
}
