using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Targets;
using Fleet.TestKit;
using PuppeteerSharp;
using StandingTarget = Fleet.Server.Targets.Target;

namespace Fleet.Server.Tests.Dashboard;

/// <summary>Pages in Chromium, where somebody has signed in and does nothing more.</summary>
public sealed class LivePageTests : IAsyncLifetime
{
    private readonly RunningServer _server = new();
    private readonly List<string> _complaints = [];
    private IBrowser _browser = null!;
    private IPage _page = null!;

    public async ValueTask InitializeAsync()
    {
        await _server.InitializeAsync();
        // Everything is a page of the server in this process, so nothing needs the sandbox, which a root user cannot have.
        _browser = await Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        });
        _page = await _browser.NewPageAsync();
        _page.Console += (_, e) =>
        {
            if (e.Message.Type == ConsoleType.Error) _complaints.Add(e.Message.Text);
        };
        _page.PageError += (_, e) => _complaints.Add(e.Message);
        await _page.GoToAsync($"{_server.Addresses.Api}/login");
        await _page.TypeAsync("input[name=key]", File.ReadAllText(_server.Folder["keys", "operator.key"]).Trim());
        await Task.WhenAll(_page.WaitForNavigationAsync(), _page.ClickAsync("main button"));
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Device_that_is_enrolled_and_connects_appears_on_the_open_page()
    {
        await OpenAsync("/devices");
        var device = await _server.EnrollAsync("newcomer");
        await ShowsAsync("newcomer");
        using (await device.ConnectAsync())
            await Eventually.TrueAsync(
                "it is shown as connected", () => _page.EvaluateExpressionAsync<bool>("document.querySelector('.dot.good') !== null"));
        await StayedAsync();
    }

    [Fact]
    public async Task Rollout_moves_on_the_open_page()
    {
        var now = DateTimeOffset.UtcNow;
        await _server.Store.CommitAsync([StoreChange.Create("r-1", new Rollout
        {
            Id = "r-1",
            Plan = new RolloutPlan { Model = "speech", Version = 1, Waves = [new WavePlan { Percent = 100 }] },
            Waves = [new Wave(1, 0, 1) { OpenedAt = now }],
            CreatedAt = now,
            Status = RolloutStatus.AwaitingApproval,
            Told = 1,
        })], default);
        await OpenAsync("/rollouts/r-1");
        await _server.Store.CommitAsync([StoreChange.Create(DeviceRollout.IdOf("r-1", DeviceId.Parse("walker")), new DeviceRollout
        {
            Rollout = "r-1",
            Device = DeviceId.Parse("walker"),
            Model = "speech",
            Version = 1,
            Wave = 1,
            Revision = 1,
            ToldAt = now,
            PhaseSince = now,
            UpdatedAt = now,
            Phase = DeploymentPhase.Validating,
        })], default);
        await ShowsAsync("validating");
        await StayedAsync();
    }

    /// <summary>An address with a digest in it made the audit trail wider than any screen.</summary>
    [Theory]
    [InlineData(1280)]
    [InlineData(390)]
    public async Task No_page_is_wider_than_the_screen(int width)
    {
        using var refused = await _server.Operator.PutAsync($"/api/v1/worker/artifacts/{new string('a', 200)}", null);
        await _server.EnrollAsync(new string('n', 64));
        await _page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 800 });
        foreach (var path in (string[])["/", "/devices", $"/devices/{new string('n', 64)}", "/targets", "/telemetry", "/audit", "/none"])
        {
            await _page.GoToAsync($"{_server.Addresses.Api}{path}");
            var wide = await _page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth");
            Assert.True(wide == width, $"{path} is {wide} wide on a screen of {width}.");
        }
    }

    [Theory]
    [InlineData(1280)]
    [InlineData(390)]
    public async Task Targets_are_found_and_keep_their_names_in_sight_on_a_screen_of_any_width(int width)
    {
        await SetTargetsAsync();
        await _page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 800 });
        await OpenAsync("/targets");
        Assert.Equal(width, await _page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth"));
        // A table wider than the screen is scrolled within itself, and its first column stays.
        await _page.EvaluateExpressionAsync("document.querySelector('table.named').scrollLeft = 1000");
        Assert.InRange(await _page.EvaluateExpressionAsync<double>(
            "document.querySelector('table.named td').getBoundingClientRect().left"), 0, width / 2);

        await _page.TypeAsync("input[name=find]", "site-7");
        await Task.WhenAll(_page.WaitForNavigationAsync(), _page.ClickAsync("form.find button"));
        await ShowsAsync("1 of 12 targets, 0 of 1 pins");
        Assert.Equal(["speech-site-7"], await _page.EvaluateExpressionAsync<string[]>(
            "[...document.querySelectorAll('table.named tr td:first-child')].map(each => each.textContent)"));
        Assert.Empty(_complaints);
    }

    [Fact]
    public async Task Person_whose_key_is_revoked_is_sent_to_sign_in_again()
    {
        using var keys = JsonDocument.Parse(await _server.Operator.GetStringAsync("/api/v1/api-keys"));
        var id = keys.RootElement.EnumerateArray()
            .Single(key => key.GetProperty("name").GetString() == "operator").GetProperty("id").GetString();
        await OpenAsync("/devices");
        using var other = await _server.ApiAsync("other", ["admin"]);
        using var revoked = await other.DeleteAsync($"/api/v1/api-keys/{id}");
        Assert.True(revoked.IsSuccessStatusCode, await revoked.Content.ReadAsStringAsync());
        await _page.WaitForSelectorAsync("form[action='/login']", new WaitForSelectorOptions { Timeout = 120_000 });
    }

    private async Task SetTargetsAsync()
    {
        var now = DateTimeOffset.UtcNow;
        var targets = Enumerable.Range(0, 12).Select(site => new StandingTarget
        {
            Name = $"speech-site-{site}",
            Model = "speech",
            Filter = $"label.line=assembly,label.site=hamburg-{site}",
            Release = new TargetRelease(site + 1, now, $"20261127-120000-{site:0000}"),
            CreatedAt = now,
        });
        var walker = DeviceId.Parse("walker-with-quite-a-long-name");
        await _server.Store.CommitAsync(
            [.. targets.Select(target => StoreChange.Create(target.Name, target))], default);
        await _server.EnrollAsync(walker.Value, new Dictionary<string, string> { ["line"] = "assembly", ["site"] = "hamburg-3" });
        await _server.Store.CommitAsync(
            [StoreChange.Create(Pin.IdOf(walker, "speech"), new Pin(walker, "speech", 2, now))], default);
    }

    private async Task OpenAsync(string path)
    {
        await _page.GoToAsync($"{_server.Addresses.Api}{path}");
        // Gone with the page, if it were loaded anew.
        await _page.EvaluateExpressionAsync("window.stayed = 'yes'");
    }

    private async Task ShowsAsync(string text) => await Eventually.TrueAsync($"the page shows '{text}'",
        async () => (await TextAsync()).Contains(text, StringComparison.Ordinal), evidence: () => string.Join('\n', _complaints));

    private async Task StayedAsync()
    {
        Assert.Equal("yes", await _page.EvaluateExpressionAsync<string>("window.stayed"));
        Assert.Empty(_complaints);
    }

    private Task<string> TextAsync() => _page.EvaluateExpressionAsync<string>("document.body.innerText");
}
