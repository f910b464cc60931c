using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Tests.Access;

/// <summary>Callers who try for more than their key gives them. Which role opens which route is walked in RouteTests.</summary>
public sealed class RoleAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly Dictionary<string, string> Berlin = new() { ["site"] = "berlin" };
    private static readonly Dictionary<string, string> Munich = new() { ["site"] = "munich" };

    [Fact]
    public async Task Viewer_cannot_change_a_device()
    {
        var device = await server.EnrollAsync("watched");
        using var viewer = await server.ApiAsync("vera", [Roles.Viewer]);
        using var answer = await RunningServer.PostAsync(viewer, $"/api/v1/devices/{device.Id}/revoke", "");
        var problem = await RunningServer.ProblemOf(answer);
        Assert.Equal(403, problem.Status);
        Assert.Equal("'vera' has the role viewer; POST /api/v1/devices/watched/revoke needs operator or admin.", problem.Title);
        Assert.False((await server.ViewAsync("watched")).Revoked);
    }

    [Theory]
    [InlineData(Roles.Viewer)]
    [InlineData(Roles.Operator)]
    [InlineData(Roles.Approver)]
    [InlineData(Roles.Worker)]
    public async Task Nobody_but_an_admin_makes_lists_or_revokes_keys(string role)
    {
        using var client = await server.ApiAsync($"climber-{role}", [role]);
        using var made = await RunningServer.PostAsync(client, "/api/v1/api-keys", """{"name":"better","roles":["admin"]}""");
        using var listed = await client.GetAsync("/api/v1/api-keys");
        using var revoked = await client.DeleteAsync("/api/v1/api-keys/operator");
        Assert.All([made, listed, revoked], answer => Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode));
        Assert.DoesNotContain(await KeysAsync(), key => key.Name == "better" || (key.Id == "operator" && key.Revoked));
    }

    [Theory]
    [InlineData("""{"name":"anna","roles":["admin"],"filter":"label.site=berlin"}""", "cannot be limited")]
    [InlineData("""{"name":"anna","roles":["worker","operator"]}""", "no other role")]
    [InlineData("""{"name":"anna","roles":["device"]}""", "role 'device' must be one of")]
    [InlineData("""{"name":"operator","roles":["viewer"]}""", "belongs to a key that every server has")]
    [InlineData("""{"name":"anna","roles":[]}""", "at least one")]
    [InlineData("""{"name":"Anna Bell","roles":["viewer"]}""", "name 'Anna Bell' must be")]
    [InlineData("""{"name":"anna","roles":["viewer"],"filter":"colour=red"}""", "colour=red")]
    [InlineData("""{"name":"anna","roles":["viewer"],"validFor":"-01:00:00"}""", "validFor")]
    public async Task Key_that_would_be_more_or_less_than_it_says_is_not_made(string asked, string problem)
    {
        using var answer = await RunningServer.PostAsync(server.Operator, "/api/v1/api-keys", asked);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(problem, string.Join('\n', (await RunningServer.ProblemOf(answer)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoked_key_is_refused_at_once_and_expired_one_by_its_time()
    {
        var key = await server.KeyAsync(new CreateApiKeyRequest("short", [Roles.Viewer]));
        using var client = server.ApiAs(key.Key);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/v1/devices")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await server.Operator.DeleteAsync($"/api/v1/api-keys/{key.Id}")).StatusCode);
        using var refused = await client.GetAsync("/api/v1/devices");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("The API key of 'short' was revoked.", (await RunningServer.ProblemOf(refused)).Title);
        Assert.True(Assert.Single(await KeysAsync(), each => each.Id == key.Id) is { Revoked: true, LastUsedAt: not null });
    }

    [Fact]
    public async Task Listed_keys_tell_no_secret()
    {
        var key = await server.KeyAsync(new CreateApiKeyRequest("secretive", [Roles.Viewer], "label.site=berlin", TimeSpan.FromDays(1)));
        var listed = await server.Operator.GetStringAsync("/api/v1/api-keys");
        Assert.DoesNotContain(key.Key.Split('.')[^1], listed, StringComparison.Ordinal);
        Assert.DoesNotContain("hash", listed, StringComparison.OrdinalIgnoreCase);
        var view = Assert.Single(await KeysAsync(), each => each.Id == key.Id);
        Assert.Equal(("secretive", "label.site=berlin"), (view.Name, view.Filter));
        Assert.Equal(key.ExpiresAt, view.ExpiresAt);
    }

    [Fact]
    public async Task Limited_operator_sees_its_devices_only()
    {
        await server.EnrollAsync("seen-1", Berlin);
        await server.EnrollAsync("unseen-1", Munich);
        using var limited = await server.ApiAsync("berta", [Roles.Operator], "label.site=berlin");
        foreach (var path in (string[])["/api/v1/devices", "/devices", "/api/v1/devices?filter=label.site%3Dmunich"])
            Assert.DoesNotContain("unseen-1", await limited.GetStringAsync(path), StringComparison.Ordinal);
        Assert.Contains("seen-1", await limited.GetStringAsync("/api/v1/devices"), StringComparison.Ordinal);
        foreach (var path in (string[])["/api/v1/devices/unseen-1", "/devices/unseen-1", "/api/v1/telemetry?device=unseen-1"])
            Assert.Equal(HttpStatusCode.NotFound, (await limited.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task Limited_operator_changes_its_devices_only()
    {
        await server.EnrollAsync("mine-2", Berlin);
        await server.EnrollAsync("theirs-2", Munich);
        using var limited = await server.ApiAsync("bert", [Roles.Operator], "label.site=berlin");
        Assert.Equal(HttpStatusCode.NotFound, (await RunningServer.PostAsync(limited, "/api/v1/devices/theirs-2/revoke", "")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await LabelAsync(limited, "theirs-2", "berlin")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await LabelAsync(limited, "mine-2", "munich")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await LabelAsync(limited, "mine-2", "berlin")).StatusCode);
        Assert.False((await server.ViewAsync("theirs-2")).Revoked);
        Assert.Equal("berlin", (await server.ViewAsync("mine-2")).Labels["site"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("profile=x64")]
    [InlineData("label.site=munich")]
    public async Task Limited_operator_rolls_nothing_out_beyond_its_devices(string filter)
    {
        using var limited = await server.ApiAsync("bo", [Roles.Operator], "label.site=berlin");
        using var answer = await RunningServer.PostAsync(
            limited, "/api/v1/rollouts", $$"""{"model":"m","version":1,"filter":"{{filter}}","waves":[{"percent":100}]}""");
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task Limited_operator_lets_only_devices_join_that_become_its_own()
    {
        using var limited = await server.ApiAsync("barb", [Roles.Operator], "label.site=berlin");
        using var refused = await RunningServer.PostAsync(limited, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00"}""");
        using var made = await RunningServer.PostAsync(
            limited, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00","labels":{"site":"berlin"}}""");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
    }

    [Fact]
    public async Task Revoked_first_key_is_replaced_by_deleting_its_file()
    {
        await using var own = new RunningServer();
        await own.InitializeAsync();
        Assert.Equal(HttpStatusCode.NoContent, (await own.Operator.DeleteAsync("/api/v1/api-keys/operator")).StatusCode);
        await own.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await own.Operator.GetAsync("/api/v1/devices")).StatusCode);
        File.Delete(own.Folder["keys", "operator.key"]);
        await own.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, (await own.Operator.GetAsync("/api/v1/api-keys")).StatusCode);
    }

    private static Task<HttpResponseMessage> LabelAsync(HttpClient client, string device, string site)
        => client.PatchAsync(
            $"/api/v1/devices/{device}/labels",
            new StringContent($$$"""{"labels":{"site":"{{{site}}}"}}""", System.Text.Encoding.UTF8, "application/json"));

    private async Task<IReadOnlyList<ApiKeyView>> KeysAsync()
        => JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync("/api/v1/api-keys"), FleetJson.Default.IReadOnlyListApiKeyView)!;
}
