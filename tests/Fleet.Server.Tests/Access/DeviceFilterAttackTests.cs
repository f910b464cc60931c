using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;

namespace Fleet.Server.Tests.Access;

/// <summary>Callers who look for devices beyond their filter. What each route tells them is walked in RouteTests.</summary>
public sealed class DeviceFilterAttackTests : IAsyncLifetime
{
    private const string Mine = "label.site=berlin";

    private TestFleet _fleet = null!;
    private HttpClient _limited = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(1, prefix: "mine", labels: new Dictionary<string, string> { ["site"] = "berlin" });
        await _fleet.EnrollAsync(1, prefix: "theirs", labels: new Dictionary<string, string> { ["site"] = "munich" });
        _limited = await LimitedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _limited.Dispose();
        await _fleet.DisposeAsync();
    }

    [Fact]
    public async Task Rollout_of_all_devices_is_told_in_figures_of_ones_own()
    {
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await _fleet.UntilAsync(rollout.Id, "both are told", view => view.Waves.Sum(wave => wave.Running) == 2);

        var listed = Assert.Single(await ReadAsync("/api/v1/rollouts", FleetJson.Default.IReadOnlyListRolloutView));
        var shown = await ReadAsync($"/api/v1/rollouts/{rollout.Id}", FleetJson.Default.RolloutView);

        foreach (var view in (RolloutView[])[listed, shown])
            Assert.Equal((1, 1), (Assert.Single(view.Waves).Total, view.Waves[0].Running));
        Assert.Empty(listed.Devices);
        Assert.Equal("mine-00000", Assert.Single(shown.Devices).Device.Value);
    }

    [Fact]
    public async Task Why_a_rollout_of_others_stands_is_not_told()
    {
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await _fleet.Orders.PauseAsync(rollout.Id, default);
        var shown = await ReadAsync($"/api/v1/rollouts/{rollout.Id}", FleetJson.Default.RolloutView);
        Assert.Equal("Why is told to those who see all devices of this rollout.", shown.Reason);
    }

    [Fact]
    public async Task Rollout_of_ones_own_devices_is_told_whole()
    {
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), filter: Mine));
        await _fleet.Orders.PauseAsync(rollout.Id, default);
        var shown = await ReadAsync($"/api/v1/rollouts/{rollout.Id}", FleetJson.Default.RolloutView);
        Assert.Equal("Paused by an operator.", shown.Reason);
        Assert.Equal("mine-00000", Assert.Single(shown.Devices).Device.Value);
    }

    [Fact]
    public async Task Release_is_counted_on_ones_own_devices()
    {
        var release = await _fleet.ReleaseAsync();
        foreach (var device in (string[])["mine-00000", "theirs-00000"]) await _fleet.AppearAsync(DeviceId.Parse(device), release.Version);
        var listed = Assert.Single(await ReadAsync("/api/v1/releases", FleetJson.Default.IReadOnlyListReleaseView));
        var shown = await ReadAsync($"/api/v1/releases/speech/{release.Version}", FleetJson.Default.ReleaseView);
        Assert.Equal((1, 1), (listed.ActiveDevices, shown.ActiveDevices));
    }

    [Fact]
    public async Task Release_that_devices_of_others_serve_is_not_withdrawn()
    {
        var release = await _fleet.ReleaseAsync();
        using var answer = await _limited.PostAsync($"/api/v1/releases/speech/{release.Version}/withdraw", null);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task Join_tokens_of_others_are_neither_listed_nor_revoked()
    {
        using var made = await RunningServer.PostAsync(
            _fleet.Http, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00","labels":{"site":"munich"}}""");
        var id = JsonSerializer.Deserialize(await made.Content.ReadAsStringAsync(), FleetJson.Default.CreateTokenResponse)!.Id;
        Assert.DoesNotContain(id, await _limited.GetStringAsync("/api/v1/tokens"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await _limited.DeleteAsync($"/api/v1/tokens/{id}")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await _fleet.Http.DeleteAsync($"/api/v1/tokens/{id}")).StatusCode);
    }

    [Fact]
    public async Task Devices_that_nobody_knows_are_neither_listed_nor_adopted()
    {
        _fleet.Of<StrangerDevices>().Knocked(
            DeviceId.Parse("stranger"), new("01", "key", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "pem"));
        Assert.Equal(HttpStatusCode.Forbidden, (await _limited.GetAsync("/api/v1/strangers")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await _limited.PostAsync("/api/v1/strangers/stranger/adopt", null)).StatusCode);
    }

    [Fact]
    public async Task Move_of_the_server_names_only_devices_of_ones_own_that_have_not_heard()
    {
        using var moved = await RunningServer.PostAsync(
            _fleet.Http, "/api/v1/server/move", """{"server":"https://there.example:8443","mqtt":"there.example:8883"}""");
        Assert.Equal(HttpStatusCode.OK, moved.StatusCode);
        var view = await ReadAsync("/api/v1/server", FleetJson.Default.ServerView);
        Assert.Equal((1, "mine-00000"), (view.Waiting, Assert.Single(view.WaitingDevices!).Value));
    }

    [Fact]
    public async Task Rollout_is_not_approved_by_who_started_it_under_whatever_key_of_that_name()
    {
        var release = await _fleet.ReleaseAsync();
        using var operates = await ClientAsync("anna", [Roles.Operator]);
        using var approves = await ClientAsync("anna", [Roles.Approver, Roles.Operator]);
        using var other = await ClientAsync("otto", [Roles.Approver]);
        using var started = await RunningServer.PostAsync(
            operates, "/api/v1/rollouts",
            $$"""{"model":"speech","version":{{release.Version}},"waves":[{"percent":100}],"requiresApproval":true}""");
        Assert.Equal(HttpStatusCode.Created, started.StatusCode);
        var id = JsonSerializer.Deserialize(await started.Content.ReadAsStringAsync(), FleetJson.Default.RolloutView)!.Id;

        Assert.Equal(HttpStatusCode.Forbidden, (await approves.PostAsync($"/api/v1/rollouts/{id}/approve", null)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await approves.PostAsync($"/api/v1/rollouts/{id}/resume", null)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await other.PostAsync($"/api/v1/rollouts/{id}/approve", null)).StatusCode);
    }

    private async Task<T> ReadAsync<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        => JsonSerializer.Deserialize(await _limited.GetStringAsync(path), type)!;

    private Task<HttpClient> LimitedAsync() => ClientAsync("berta", [Roles.Operator], Mine);

    private async Task<HttpClient> ClientAsync(string name, string[] roles, string? filter = null)
    {
        using var made = await RunningServer.PostAsync(
            _fleet.Http, "/api/v1/api-keys",
            JsonSerializer.Serialize(new CreateApiKeyRequest(name, roles, filter), FleetJson.Default.CreateApiKeyRequest));
        var key = JsonSerializer.Deserialize(await made.Content.ReadAsStringAsync(), FleetJson.Default.CreateApiKeyResponse)!;
        var client = new HttpClient { BaseAddress = _fleet.Http.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new("Bearer", key.Key);
        return client;
    }
}
