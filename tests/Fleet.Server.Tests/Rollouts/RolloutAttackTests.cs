using System.Net;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Http;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>Callers who try to move devices that are not theirs, or to approve what they have started.</summary>
public sealed class RolloutAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Limited_operator_supersedes_no_rollout_of_others()
    {
        var everybody = await StoredAsync("superseded", RolloutStatus.Paused, "ann");
        using var limited = await server.ApiAsync("sue", [Roles.Operator], "label.site=berlin");
        using var answer = await RunningServer.PostAsync(
            limited, "/api/v1/rollouts",
            """{"model":"superseded","version":1,"filter":"label.site=berlin","waves":[{"percent":100}],"supersede":true}""");
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(RolloutStatus.Paused, (await server.Store.FindAsync<Rollout>(everybody, default))!.Document.Status);
    }

    [Fact]
    public async Task Limited_operator_sets_no_target_and_no_pin_beyond_its_devices()
    {
        await server.EnrollAsync("munich-1", new Dictionary<string, string> { ["site"] = "munich" });
        var target = new Target { Name = "all-of-it", Model = "held", CreatedAt = DateTimeOffset.UtcNow };
        await server.Store.CommitAsync([StoreChange.Create(target.Name, target)], default);
        using var limited = await server.ApiAsync("lim", [Roles.Operator], "label.site=berlin");
        using var set = await PutAsync(limited, "/api/v1/targets/mine", """{"model":"held","version":1}""");
        using var removed = await limited.DeleteAsync(new Uri("/api/v1/targets/all-of-it", UriKind.Relative));
        using var pinned = await PutAsync(limited, "/api/v1/pins/munich-1/held", """{"version":1}""");
        Assert.Equal(
            (HttpStatusCode.Forbidden, HttpStatusCode.Forbidden, HttpStatusCode.NotFound),
            (set.StatusCode, removed.StatusCode, pinned.StatusCode));
        Assert.NotNull(await server.Store.FindAsync<Target>("all-of-it", default));
    }

    [Fact]
    public async Task Whoever_started_a_rollout_cannot_approve_it_whatever_the_role()
    {
        var id = await StoredAsync("approved", RolloutStatus.AwaitingApproval, "solo");
        using var solo = await server.ApiAsync("solo", [Roles.Operator, Roles.Approver]);
        using var own = await RunningServer.PostAsync(solo, $"/api/v1/rollouts/{id}/approve", "");
        Assert.Equal(HttpStatusCode.Forbidden, own.StatusCode);
        Assert.Equal(RolloutStatus.AwaitingApproval, (await server.Store.FindAsync<Rollout>(id, default))!.Document.Status);
        using var operating = await server.ApiAsync("op", [Roles.Operator]);
        using var unfit = await RunningServer.PostAsync(operating, $"/api/v1/rollouts/{id}/approve", "");
        Assert.Equal(HttpStatusCode.Forbidden, unfit.StatusCode);
        using var second = await server.ApiAsync("second", [Roles.Approver]);
        using var other = await RunningServer.PostAsync(second, $"/api/v1/rollouts/{id}/approve", "");
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.Equal("second", (await server.Store.FindAsync<Rollout>(id, default))!.Document.ApprovedBy);
    }

    /// <summary>An open rollout to all devices, of whom there are none.</summary>
    private async Task<string> StoredAsync(string model, RolloutStatus status, string startedBy)
    {
        var rollout = new Rollout
        {
            Id = $"r-{model}",
            Plan = new RolloutPlan { Model = model, Version = 1, Waves = [new WavePlan { Percent = 100 }] },
            Waves = [new Wave(1, 0, 0)],
            Status = status,
            StartedBy = startedBy,
            CreatedAt = DateTimeOffset.UtcNow,
        };
        await server.Store.CommitAsync(
            [StoreChange.Create(rollout.Id, rollout), StoreChange.Create(model, new OpenRollout(rollout.Id))], default);
        return rollout.Id;
    }

    private static Task<HttpResponseMessage> PutAsync(HttpClient client, string path, string json)
        => client.PutAsync(path, new StringContent(json, System.Text.Encoding.UTF8, "application/json"));
}
