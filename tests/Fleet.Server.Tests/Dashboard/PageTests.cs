using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Dashboard;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Dashboard;

public sealed class PageTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Theory]
    [InlineData("/", "Overview")]
    [InlineData("/devices", "Devices")]
    [InlineData("/targets", "Targets")]
    [InlineData("/telemetry", "Telemetry")]
    public async Task Pages_are_whole_and_load_nothing_from_elsewhere(string path, string title)
    {
        var response = await server.Operator.GetAsync(path);
        var page = await response.Content.ReadAsStringAsync();
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains($"<h1>{title}", page, StringComparison.Ordinal);
        // The one script that the policy names by its hash, and nothing else that could run.
        var script = Regex.Matches(page, "<script>(.*?)</script>", RegexOptions.Singleline).Single().Groups[1].Value;
        Assert.Equal(page.IndexOf("<script", StringComparison.Ordinal), page.LastIndexOf("<script", StringComparison.Ordinal));
        Assert.Contains($"script-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)))}'",
            response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|href)=\"(http|//)", page);
        Assert.StartsWith("default-src 'none'", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/devices")]
    [InlineData("/targets")]
    [InlineData("/telemetry")]
    public async Task Pages_ask_for_a_key(string path)
    {
        using var nobody = server.ApiAs(null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync(path)).StatusCode);
    }

    /// <summary>Of several models the page showed one, and a device whose second had failed looked well.</summary>
    [Fact]
    public async Task Device_of_several_models_is_listed_with_each_of_them()
    {
        var device = await server.EnrollAsync("several");
        using var client = await device.ConnectAsync();
        ReportedModel Model(string name, DeploymentPhase phase) => new()
        {
            Model = name,
            Version = 1,
            Phase = phase,
            Failure = phase == DeploymentPhase.RolledBack ? DeploymentFailure.DownloadFailed : DeploymentFailure.None,
            Since = DateTimeOffset.UtcNow,
        };
        await device.PublishAsync(client, Topics.Reported, TestDevice.Report(
            1, Model("ear", DeploymentPhase.Downloading), Model("eye", DeploymentPhase.RolledBack)), FleetJson.Default.ReportedState);

        var row = (await server.Operator.GetStringAsync("/devices")).Split("/devices/several\"")[1];
        Assert.Contains(">downloading<", row, StringComparison.Ordinal);
        Assert.Contains(">rolled back<", row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_device_says_is_shown_and_never_run()
    {
        var device = await server.EnrollAsync("hostile");
        using var client = await device.ConnectAsync();
        await device.PublishAsync(client, Topics.Reported, TestDevice.Report(1, new ReportedModel
        {
            Model = "vibration",
            Version = 1,
            Phase = DeploymentPhase.RolledBack,
            Failure = DeploymentFailure.GateMissed,
            Detail = "<script>alert(1)</script>",
            Since = DateTimeOffset.UtcNow,
        }), FleetJson.Default.ReportedState);

        var page = await server.Operator.GetStringAsync("/devices/hostile");
        Assert.Contains("gate missed: &lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
        Assert.Contains(">rolled back<", page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Operator.GetAsync("/devices/nobody")).StatusCode);
    }

    [Fact]
    public async Task Rollout_of_several_models_shows_each_of_them_on_each_device()
    {
        var device = await server.EnrollAsync("pair");
        var now = DateTimeOffset.UtcNow;
        var rollout = new Rollout
        {
            Id = "r-2",
            Plan = new RolloutPlan
            {
                Releases = [new PlannedRelease("eye", 2), new PlannedRelease("ear", 3)],
                Waves = [new WavePlan { Percent = 100 }],
            },
            Waves = [new Wave(1, 0, 1)],
            CreatedAt = now,
            Told = 1,
        };
        var part = new DeviceRollout
        {
            Rollout = "r-2",
            Device = device.Id,
            Models =
            [
                new ModelRollout("eye", 2) { Phase = DeploymentPhase.RolledBack, Failure = DeploymentFailure.GroupFailed },
                new ModelRollout("ear", 3)
                {
                    Phase = DeploymentPhase.RolledBack, Failure = DeploymentFailure.GateMissed, Variant = "x64-int8",
                },
            ],
            Wave = 1,
            Revision = 1,
            ToldAt = now,
            PhaseSince = now,
            UpdatedAt = now,
        };
        await server.Store.CommitAsync(
            [StoreChange.Create("r-2", rollout), StoreChange.Create(DeviceRollout.IdOf("r-2", device.Id), part)], default);

        var page = await server.Operator.GetStringAsync("/rollouts/r-2");
        string[] shown = ["eye 2 and ear 3", ">eye 2<", ">ear 3<", "group failed", "gate missed", ">x64-int8<", ">ear x64-int8<"];
        Assert.All(shown, text => Assert.Contains(text, page, StringComparison.Ordinal));
        Assert.Contains("eye 2 and ear 3", await server.Operator.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rollout_shows_its_waves_and_devices()
    {
        var device = await server.EnrollAsync("member");
        var now = DateTimeOffset.UtcNow;
        var rollout = new Rollout
        {
            Id = "r-1",
            Plan = new RolloutPlan
            {
                Model = "vibration",
                Version = 4,
                Waves = [new WavePlan { Percent = 100 }],
                PhaseDeadlines = [new PhaseDeadline(DeploymentPhase.Downloading, TimeSpan.FromMinutes(90))],
                MaximumUnavailable = new DisruptionBudget { Label = "site", Count = 2 },
                MaximumBytes = 5_000_000,
            },
            Waves = [new Wave(1, 0, 1) { OpenedAt = now, Held = "2 devices are offline." }],
            Reason = "one device failed",
            CreatedAt = now,
            Told = 1,
        };
        var part = new DeviceRollout
        {
            Rollout = "r-1",
            Device = device.Id,
            Model = "vibration",
            Version = 4,
            Wave = 1,
            Revision = 1,
            ToldAt = now,
            PhaseSince = now,
            UpdatedAt = now,
            Phase = DeploymentPhase.Downloading,
        };
        await server.Store.CommitAsync(
            [StoreChange.Create("r-1", rollout), StoreChange.Create(DeviceRollout.IdOf("r-1", device.Id), part)], default);

        var page = await server.Operator.GetStringAsync("/rollouts/r-1");
        Assert.Contains("vibration 4", page, StringComparison.Ordinal);
        Assert.Contains(">downloading<", page, StringComparison.Ordinal);
        Assert.Contains("Wave 1 waits: 2 devices are offline.", page, StringComparison.Ordinal);
        Assert.Contains("15 min, downloading 1 h 30 min", page, StringComparison.Ordinal);
        Assert.Contains("at most 2 of the devices with one value of site", page, StringComparison.Ordinal);
        Assert.Contains("up to 5,000,000", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/devices/member\"", page, StringComparison.Ordinal);
        Assert.Contains("one device failed", await server.Operator.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new double[0], "")]
    [InlineData(new double[] { 5 }, "0,0")]
    [InlineData(new double[] { 0, 0 }, "0,100 200,100")]
    [InlineData(new double[] { 1, 2, 0 }, "0,50 100,0 200,100")]
    public void Line_runs_from_left_to_right_below_its_largest_value(double[] values, string points)
        => Assert.Equal(points, Line.Points(values, 200, 0, 100));
}
