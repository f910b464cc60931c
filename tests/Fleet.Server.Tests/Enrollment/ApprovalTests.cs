using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>Tokens whose devices an operator approves, and tokens for devices of certain names.</summary>
public sealed class ApprovalTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Device_waits_until_an_operator_approves_it()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var token = await server.TokenAsync(approve: true, labels: new() { ["site"] = "berlin" });
        for (var n = 0; n < 2; n++)
        {
            var (waiting, _) = await server.TryEnrollAsync(token.Token, "waits", key: key);
            Assert.Equal(HttpStatusCode.Accepted, waiting.StatusCode);
            Assert.Contains("fleet devices approve waits", await waiting.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.NotNull(waiting.Headers.RetryAfter);
        }
        var pending = Assert.Single(await PendingAsync(), one => one.Id.Value == "waits");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo())), pending.KeyFingerprint);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Operator.GetAsync("/api/v1/devices/waits")).StatusCode);

        await DecideAsync("waits", "approve");
        var device = await server.EnrollWithAsync(token.Token, "waits", key);
        Assert.Null(await device.RefusalAsync());
        Assert.Equal("berlin", (await server.ViewAsync("waits")).Labels["site"]);
        Assert.DoesNotContain(await PendingAsync(), one => one.Id.Value == "waits");
    }

    [Fact]
    public async Task Other_key_cannot_take_the_place_of_a_device_that_waits()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var token = await server.TokenAsync(uses: 2, approve: true);
        await server.TryEnrollAsync(token.Token, "first-here", key: key);
        var (other, otherKey) = await server.TryEnrollAsync(token.Token, "first-here");
        Assert.Equal(HttpStatusCode.Conflict, other.StatusCode);

        await DecideAsync("first-here", "approve");
        var (late, _) = await server.TryEnrollAsync(token.Token, "first-here", key: otherKey);
        otherKey.Dispose();
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Null(await (await server.EnrollWithAsync(token.Token, "first-here", key)).RefusalAsync());
    }

    [Fact]
    public async Task Rejected_device_is_told_so_and_its_id_is_free_for_another()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var token = await server.TokenAsync(uses: 2, approve: true);
        await server.TryEnrollAsync(token.Token, "unwanted", key: key);
        await DecideAsync("unwanted", "reject");
        var (refused, _) = await server.TryEnrollAsync(token.Token, "unwanted", key: key);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("rejected", (await RunningServer.ProblemOf(refused)).Title, StringComparison.Ordinal);

        var (another, anotherKey) = await server.TryEnrollAsync(token.Token, "unwanted");
        anotherKey.Dispose();
        Assert.Equal(HttpStatusCode.Accepted, another.StatusCode);
    }

    [Fact]
    public async Task Queue_is_no_longer_than_the_uses_of_its_token()
    {
        var token = await server.TokenAsync(uses: 1, approve: true);
        foreach (var (device, status) in new[] { ("queue-1", HttpStatusCode.Accepted), ("queue-2", HttpStatusCode.Forbidden) })
        {
            var (answer, key) = await server.TryEnrollAsync(token.Token, device);
            key.Dispose();
            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("approve")]
    [InlineData("reject")]
    public async Task Nobody_is_approved_or_rejected_who_does_not_wait(string verb)
    {
        using var answer = await RunningServer.PostAsync(server.Operator, $"/api/v1/enrollments/nobody/{verb}", "");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Theory]
    [InlineData("press-*", "press-17", true)]
    [InlineData("press-*", "line-17", false)]
    [InlineData("*-berlin", "press-berlin", true)]
    [InlineData("press-17", "press-171", false)]
    public async Task Token_enrolls_devices_of_its_pattern_alone(string pattern, string device, bool enrolls)
    {
        var token = await server.TokenAsync(idPattern: pattern);
        var (answer, key) = await server.TryEnrollAsync(token.Token, device);
        key.Dispose();
        Assert.Equal(enrolls, answer.IsSuccessStatusCode);
        if (enrolls) return;
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains($"devices named '{pattern}'", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Press-*")]
    [InlineData("press-?")]
    public async Task Pattern_that_no_id_can_have_is_refused(string pattern)
    {
        using var answer = await RunningServer.PostAsync(
            server.Operator, "/api/v1/tokens", $$"""{"uses":1,"validFor":"01:00:00","idPattern":"{{pattern}}"}""");
        Assert.Contains("idPattern", Assert.Single((await RunningServer.ProblemOf(answer)).Problems), StringComparison.Ordinal);
    }

    private async Task DecideAsync(string device, string verb)
    {
        using var answer = await RunningServer.PostAsync(server.Operator, $"/api/v1/enrollments/{device}/{verb}", "");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task<IReadOnlyList<PendingDeviceView>> PendingAsync()
        => JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync("/api/v1/enrollments"), FleetJson.Default.IReadOnlyListPendingDeviceView)!;
}
