using System.Net;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Contracts.Validation;
using Fleet.Server.Devices;
using Fleet.Server.Http;

namespace Fleet.Server.Tests.Builds;

/// <summary>
/// What a build may have a device time, what the device is told and may fetch then, and what it may answer. The way through a broker and
/// an agent is walked in the end-to-end tests.
/// </summary>
public sealed class DeviceTimingTests : IAsyncLifetime
{
    private static readonly DeviceId Mine = DeviceId.Parse("mine-00000"), Theirs = DeviceId.Parse("theirs-00000");

    private TestFleet _fleet = null!;
    private TimedFile _file = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(1, prefix: "mine", labels: new Dictionary<string, string> { ["site"] = "berlin" });
        await _fleet.EnrollAsync(1, prefix: "theirs", labels: new Dictionary<string, string> { ["site"] = "munich" });
        _file = new TimedFile(await _fleet.ArtifactAsync("a.onnx", 2000), await _fleet.ArtifactAsync("a.npz", 1000), new RuntimeSettings());
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Device_is_ordered_to_time_what_it_alone_may_fetch_and_what_it_says_is_kept()
    {
        await ConnectAsync();
        var lease = await LeasedAsync();
        Assert.False((await AskAsync(lease, _file)).IsOver);
        Assert.Equal(_file.Model, Assert.Single((await OrderAsync())!).Timed.Model);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.NotFound),
            (await FetchAsync(Mine, _file.Model), await FetchAsync(Mine, _file.Samples), await FetchAsync(Theirs, _file.Model)));
        var other = await LeasedAsync();
        Assert.Equal($"Device {Mine} times files for build {lease.BuildId} at this moment.", (await AskAsync(other, _file)).Problem);

        var latency = LatencySummary.OfMilliseconds(1, 2, 3);
        await SayAsync(new ReportedTiming(other.BuildId, _file.Model.Sha256, latency), new(lease.BuildId, new string('a', 64), latency));
        Assert.False((await AskAsync(lease, _file)).IsOver);
        await SayAsync(new ReportedTiming(lease.BuildId, _file.Model.Sha256, latency, TimeSpan.FromMilliseconds(4)));
        await SayAsync(new ReportedTiming(lease.BuildId, _file.Model.Sha256, Problem: "another word"));
        await _fleet.RestartAsync();
        var told = await AskAsync(lease, _file);
        Assert.Equal((true, null, latency, TimeSpan.FromMilliseconds(4)),
            (told.IsOver, told.Problem, told.Timings.Single().Latency, told.Timings.Single().ProcessorTime));
        Assert.Null(await OrderAsync());
        Assert.Equal(HttpStatusCode.NotFound, await FetchAsync(Mine, _file.Model));
    }

    [Theory]
    [InlineData(0, 0, 0, 0)]
    [InlineData(2, 1, 3, 1)]
    [InlineData(1, 2, 3, -1)]
    [InlineData(1, 2, 1e9, 1)]
    public async Task Time_that_cannot_be_is_none(double p50, double p95, double p99, double processor)
    {
        await ConnectAsync();
        var lease = await LeasedAsync();
        await AskAsync(lease, _file);
        await SayAsync(new ReportedTiming(
            lease.BuildId, _file.Model.Sha256, LatencySummary.OfMilliseconds(p50, p95, p99), TimeSpan.FromMilliseconds(processor)));
        var timing = Assert.Single((await AskAsync(lease, _file)).Timings);
        Assert.Equal((null, "What it reported cannot be the time of an inference."), (timing.Latency, timing.Problem));
    }

    /// <summary>Devices count from when an order was signed: what says when they need not answer must be of the same clock.</summary>
    [Fact]
    public async Task Clock_that_was_set_back_leaves_a_device_as_much_time()
    {
        await ConnectAsync();
        var lease = await LeasedAsync();
        _fleet.Clock.AdjustTime(_fleet.Clock.GetUtcNow() - TimeSpan.FromHours(1));
        Assert.False((await AskAsync(lease, _file)).IsOver);
        var order = OrderVerifier.Read((await _fleet.Of<OrderedStates>().OfAsync(Mine, default)).State!.Order!)!;
        Assert.InRange(Assert.Single(order.Timings!).ExpiresAt - order.IssuedAt, TimeSpan.FromSeconds(110), DeviceTimings.Patience);
        Assert.Equal(HttpStatusCode.OK, await FetchAsync(Mine, _file.Model));
    }

    [Fact]
    public async Task Device_that_is_away_or_old_is_not_asked_and_one_that_is_silent_not_waited_for()
    {
        var lease = await LeasedAsync();
        Assert.Equal($"Device {Mine} is not connected.", (await AskAsync(lease, _file)).Problem);
        _fleet.Of<DeviceBoard>().Connected(Mine, null, default);
        await _fleet.AppearAsync(Mine);
        Assert.Equal($"The agent of device {Mine} is too old to time files for a build.", (await AskAsync(lease, _file)).Problem);
        await ConnectAsync();
        Assert.False((await AskAsync(lease, _file)).IsOver);
        var patience = DeviceTimings.Patience;
        // Progress keeps the lease meanwhile, as a worker's does.
        for (var step = 0; step < 10; step++)
        {
            _fleet.Clock.Advance(patience / 10);
            await _fleet.Queue.AdvanceAsync(lease.BuildId, lease.LeaseId, new BuildProgress("waiting", 0.1), default);
        }
        var silent = await AskAsync(lease, _file);
        Assert.Equal((true, $"Device {Mine} did not time everything within 2 minutes."), (silent.IsOver, silent.Problem));
        Assert.Null(await OrderAsync());
        Assert.Equal(HttpStatusCode.NotFound, await FetchAsync(Mine, _file.Model));
        await _fleet.RevokeAsync(Mine);
        Assert.Equal($"There is no device '{Mine}'.", (await AskAsync(await LeasedAsync(), _file)).Problem);
    }

    [Fact]
    public async Task Files_that_are_too_large_too_many_or_not_here_and_builds_that_may_not_ask_are_refused()
    {
        await ConnectAsync();
        var lease = await LeasedAsync();
        async Task RefusedAsync(string reason, HttpStatusCode status, LeaseResponse held, params TimedFile[] files)
        {
            var (code, text) = await PostAsync(held, files);
            Assert.True(code == status && text.Contains(reason, StringComparison.Ordinal), $"{code}: {text}");
        }
        TimedFile With(ArtifactReference model) => _file with { Model = model };
        await RefusedAsync("8,388,608 are allowed", HttpStatusCode.BadRequest, lease, With(_file.Model with { Bytes = 8_388_609 }));
        await RefusedAsync("was not uploaded", HttpStatusCode.BadRequest, lease, With(_file.Model with { Sha256 = new string('a', 64) }));
        await RefusedAsync("was not uploaded", HttpStatusCode.BadRequest, lease, With(_file.Model with { Bytes = 1999 }));
        await RefusedAsync("64 lower-case", HttpStatusCode.BadRequest, lease, With(_file.Model with { Sha256 = "../../identity.json" }));
        await RefusedAsync("at most 512", HttpStatusCode.BadRequest, lease, With(_file.Model with { Name = new string('a', 600) }));
        await RefusedAsync("1 to 4 are allowed", HttpStatusCode.BadRequest, lease, [.. Enumerable.Repeat(_file, 5)]);
        await RefusedAsync("1 to 4 are allowed", HttpStatusCode.BadRequest, lease);
        await RefusedAsync("is not held", HttpStatusCode.Conflict, lease with { LeaseId = "another" }, _file);
        await RefusedAsync("There is no build", HttpStatusCode.NotFound, lease with { BuildId = "another" }, _file);
        await RefusedAsync("names no device", HttpStatusCode.BadRequest, await LeasedAsync(null), _file);
        Assert.Null(await OrderAsync());
    }

    [Fact]
    public async Task Build_for_a_device_that_its_operator_does_not_see_is_refused_as_for_one_that_is_not_there()
    {
        using var made = await RunningServer.PostAsync(_fleet.Http, "/api/v1/api-keys", JsonSerializer.Serialize(
            new CreateApiKeyRequest("berta", [Roles.Operator], "label.site=berlin"), FleetJson.Default.CreateApiKeyRequest));
        var key = JsonSerializer.Deserialize(await made.Content.ReadAsStringAsync(), FleetJson.Default.CreateApiKeyResponse)!;
        using var limited = new HttpClient { BaseAddress = _fleet.Http.BaseAddress };
        limited.DefaultRequestHeaders.Authorization = new("Bearer", key.Key);
        async Task<string> SubmitAsync(string device)
        {
            using var answer = await RunningServer.PostAsync(
                limited, "/api/v1/builds", JsonSerializer.Serialize(SpecOf(device), FleetJson.Default.BuildSpec));
            return $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}";
        }
        Assert.StartsWith("201", await SubmitAsync(Mine.Value), StringComparison.Ordinal);
        var (foreign, absent) = (await SubmitAsync(Theirs.Value), await SubmitAsync("nobody"));
        Assert.StartsWith("400", foreign, StringComparison.Ordinal);
        Assert.Equal(absent, foreign.Replace(Theirs.Value, "nobody", StringComparison.Ordinal));
    }

    private static BuildSpec SpecOf(string? device) => TestFleet.SpecOf("speech") with
    {
        Quantization = new QuantizationSpec { Profiles = ["x64"] },
        Student = new StudentSpec
        {
            Family = StudentSpec.Auto,
            Budget = new StudentBudget { MaximumLatencyP95 = TimeSpan.FromMilliseconds(5), Device = device },
        },
    };

    /// <summary>The device is there, and its agent knows of timings.</summary>
    private async Task ConnectAsync()
    {
        _fleet.Of<DeviceBoard>().Connected(Mine, null, default);
        await SayAsync();
    }

    private Task SayAsync(params ReportedTiming[] timings) => _fleet.ReportAsync(Mine, new ReportedState
    {
        Revision = 0,
        Facts = new DeviceFacts { Architecture = "x64" },
        Models = [],
        Timings = timings,
    });

    private Task<LeaseResponse> LeasedAsync() => LeasedAsync(Mine.Value);

    private async Task<LeaseResponse> LeasedAsync(string? device)
    {
        Assert.Null((await _fleet.Queue.SubmitAsync(SpecOf(device), default)).Problem);
        return (await _fleet.Queue.LeaseAsync("tester", "workers", default))!;
    }

    private async Task<TimingView> AskAsync(LeaseResponse lease, params TimedFile[] files)
    {
        var (code, text) = await PostAsync(lease, files);
        Assert.True(code == HttpStatusCode.OK, $"{code}: {text}");
        return JsonSerializer.Deserialize(text, FleetJson.Default.TimingView)!;
    }

    private async Task<(HttpStatusCode Code, string Text)> PostAsync(LeaseResponse lease, TimedFile[] files)
    {
        using var content = new StringContent(
            JsonSerializer.Serialize(new TimingRequest(lease.LeaseId, files), FleetJson.Default.TimingRequest), Encoding.UTF8,
            "application/json");
        using var answer = await _fleet.Http.PostAsync(
            new Uri($"/api/v1/worker/builds/{lease.BuildId}/timings", UriKind.Relative), content);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>What the device's next order would have it time.</summary>
    private async Task<IReadOnlyList<OrderedTiming>?> OrderAsync()
        => OrderVerifier.Read((await _fleet.Of<OrderedStates>().OfAsync(Mine, default)).State!.Order!)!.Timings;

    private async Task<HttpStatusCode> FetchAsync(DeviceId device, ArtifactReference artifact)
    {
        using var client = _fleet.ClientOf(device.Value);
        using var answer = await client.GetAsync(new Uri($"/artifacts/{artifact.Sha256}", UriKind.Relative));
        return answer.StatusCode;
    }
}
