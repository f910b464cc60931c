using System.Net;
using Fleet.Contracts.Http;
using Fleet.Server.Enrollment;
using Fleet.Server.Http;
using Fleet.Server.Storage;
using Fleet.Server.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>Somebody has a token that lets a device back, and uses it when that device has been revoked, removed, or let back.</summary>
public sealed class ReturnTokenAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Token_of_a_device_that_was_revoked_since_does_not_undo_that()
    {
        await server.EnrollAsync("stolen");
        var token = await server.ReturnTokenAsync("stolen");
        await server.DoAsync("stolen", "revoke");

        Assert.Contains("was withdrawn", await RefusalAsync(token, "stolen"), StringComparison.Ordinal);
        Assert.True((await server.ViewAsync("stolen")).Revoked);
        // What an operator makes after that is meant.
        Assert.Null(await (await server.EnrollWithAsync((await server.ReturnTokenAsync("stolen")).Token, "stolen")).RefusalAsync());
    }

    [Fact]
    public async Task Operator_of_some_devices_gets_none_beyond_them_by_removing_one_that_may_come_back()
    {
        await server.EnrollAsync("mine", new() { ["site"] = "berlin" });
        using var limited = await server.ApiAsync("berlin", [Roles.Operator], "label.site=berlin");
        var token = await server.ReturnTokenAsync("mine");
        using (var removed = await limited.DeleteAsync("/api/v1/devices/mine")) Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);

        Assert.Contains("was withdrawn", await RefusalAsync(token, "mine"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Operator.GetAsync("/api/v1/devices/mine")).StatusCode);
    }

    [Fact]
    public async Task Token_of_a_device_that_was_removed_takes_nothing_from_the_next_of_its_id()
    {
        await server.EnrollAsync("reused");
        var token = await server.ReturnTokenAsync("reused");
        using (var removed = await server.Operator.DeleteAsync("/api/v1/devices/reused"))
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        var next = await server.EnrollAsync("reused");

        Assert.NotNull(await RefusalAsync(token, "reused"));
        Assert.Null(await next.RefusalAsync());
    }

    [Fact]
    public async Task Token_made_in_the_moment_of_the_removal_lets_nobody_back()
    {
        await server.EnrollAsync("moment");
        var token = await server.ReturnTokenAsync("moment");
        using (var removed = await server.Operator.DeleteAsync("/api/v1/devices/moment"))
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        var stored = await server.Store.FindAsync<StoredToken>(token.Id, default);
        await server.Store.CommitAsync([stored!.Change(stored.Document with { RevokedAt = null })], default);

        Assert.Contains("not enrolled here any more", await RefusalAsync(token, "moment"), StringComparison.Ordinal);
        var next = await server.EnrollAsync("moment");
        Assert.Contains("before it was removed", await RefusalAsync(token, "moment"), StringComparison.Ordinal);
        Assert.Null(await next.RefusalAsync());
    }

    /// <summary>Found in review: it was stored after the revocation had looked for tokens, and undid it.</summary>
    [Fact]
    public async Task Token_made_in_the_moment_of_the_revocation_does_not_undo_that()
    {
        FailingStore store = null!;
        await using var own = new RunningServer(services =>
        {
            var kept = services.Last(service => service.ServiceType == typeof(IFleetStore));
            services.AddSingleton<IFleetStore>(provider => store = new FailingStore((IFleetStore)kept.ImplementationFactory!(provider)));
        });
        await own.InitializeAsync();
        await own.EnrollAsync("race");
        store.BeforeCommit = async changes =>
        {
            if (!changes.Any(change => change.Document is StoredToken { Reenrolls: not null })) return;
            store.BeforeCommit = null;
            await own.DoAsync("race", "revoke");
        };

        using var answer = await RunningServer.PostAsync(own.Operator, "/api/v1/devices/race/reenroll", """{"validFor":"01:00:00"}""");

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains("was revoked in this moment", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
        Assert.True((await own.ViewAsync("race")).Revoked);
        Assert.DoesNotContain(
            await own.Store.AllAsync<StoredToken>("", default).ToListAsync(), token => token.Document.Reenrolls is not null);
    }

    [Fact]
    public async Task Second_token_of_a_device_that_has_come_back_is_worth_nothing()
    {
        await server.EnrollAsync("twice");
        var (lost, used) = (await server.ReturnTokenAsync("twice"), await server.ReturnTokenAsync("twice"));
        var back = await server.EnrollWithAsync(used.Token, "twice");

        Assert.NotNull(await RefusalAsync(lost, "twice"));
        Assert.Null(await back.RefusalAsync());
    }

    private async Task<string> RefusalAsync(CreateTokenResponse token, string device)
    {
        var (refused, key) = await server.TryEnrollAsync(token.Token, device);
        key.Dispose();
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        return (await RunningServer.ProblemOf(refused)).Title;
    }
}
