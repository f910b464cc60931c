using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Server.Devices;
using Fleet.Server.Storage;
using Fleet.Server.Targets;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>A device's identity from its enrollment to its end.</summary>
public sealed class DeviceLifeTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly RunningServer _server;

    public DeviceLifeTests() => _server = new RunningServer(services => services.AddSingleton<TimeProvider>(_clock));

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>R13: the answer to an enrollment was lost after the commit, and the retry was told that the id is taken.</summary>
    [Fact]
    public async Task Device_that_lost_the_answer_to_its_enrollment_asks_again_with_its_key_and_spends_no_use()
    {
        var token = await _server.TokenAsync(uses: 1);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var first = await _server.EnrollWithAsync(token.Token, "press-1", key);
        _clock.Advance(TimeSpan.FromHours(2));
        var again = await _server.EnrollWithAsync(token.Token, "press-1", key);

        Assert.Equal(first.Identity.Certificate, again.Identity.Certificate);
        Assert.Equal(1, (await TokensAsync()).Single(view => view.Id == token.Id).Used);
        var (other, otherKey) = await _server.TryEnrollAsync(token.Token, "press-1");
        otherKey.Dispose();
        Assert.Equal(HttpStatusCode.Forbidden, other.StatusCode);
    }

    /// <summary>R12: a device whose certificate had ended, or whose identity was lost, was told "taken" for ever.</summary>
    [Fact]
    public async Task New_board_takes_the_place_of_an_old_one_and_keeps_its_labels_and_assignments()
    {
        var old = await _server.EnrollAsync("press-2", new() { ["site"] = "berlin" });
        using var connected = await old.ConnectAsync();
        await old.PublishAsync(connected, Topics.Reported, TestDevice.Report(0), FleetJson.Default.ReportedState);
        await _server.Store.CommitAsync(
            [StoreChange.Create("press-2", DeviceDesired.Nothing.With(new DesiredRelease("speech", 3)))], default);
        var gone = new TaskCompletionSource();
        connected.DisconnectedAsync += _ => Task.FromResult(gone.TrySetResult());

        var token = await _server.ReturnTokenAsync("press-2");
        var board = await _server.EnrollWithAsync(token.Token, "press-2");
        await gone.Task.WaitAsync(Eventually.DefaultDeadline);

        Assert.Contains("replaced", await old.RefusalAsync(), StringComparison.Ordinal);
        Assert.Null(await board.RefusalAsync());
        var view = await _server.ViewAsync("press-2");
        Assert.Equal(("berlin", 1, 0), (view.Labels["site"], view.DesiredRevision, view.ReportedRevision));
        Assert.Null(await _server.Store.FindAsync<DeviceReported>("press-2", default));
    }

    /// <summary>The way back of a device whose orders were brought out of its reach.</summary>
    [Fact]
    public async Task Device_that_is_enrolled_anew_is_ordered_above_what_was_told_and_not_above_what_was_shown()
    {
        await _server.EnrollAsync("press-8");
        var told = DeviceDesired.Nothing.With(new DesiredRelease("speech", 3)) with { Floor = 2_000_000 };
        await _server.Store.CommitAsync([StoreChange.Create("press-8", told)], default);
        await _server.EnrollWithAsync((await _server.ReturnTokenAsync("press-8")).Token, "press-8");
        var (desired, _) = await _server.Store.DesiredAsync(Contracts.Devices.DeviceId.Parse("press-8"), default);
        Assert.Equal((1L, 2L), (desired.Revision, desired.Again().Revision));
    }

    [Fact]
    public async Task Token_of_a_returning_device_opens_for_no_other_and_once_only()
    {
        await _server.EnrollAsync("press-3");
        await _server.EnrollAsync("other");
        var token = await _server.ReturnTokenAsync("press-3");
        foreach (var device in (string[])["other", "newcomer"])
        {
            var (refused, key) = await _server.TryEnrollAsync(token.Token, device);
            key.Dispose();
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            Assert.Contains("is for device press-3 alone", (await RunningServer.ProblemOf(refused)).Title, StringComparison.Ordinal);
        }
        await _server.EnrollWithAsync(token.Token, "press-3");
        var (second, secondKey) = await _server.TryEnrollAsync(token.Token, "press-3");
        secondKey.Dispose();
        Assert.Equal(HttpStatusCode.Forbidden, second.StatusCode);
    }

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("30.00:00:01")]
    public async Task Return_is_allowed_for_a_time_within_limits(string validFor)
    {
        await _server.EnrollAsync("press-4");
        using var answer = await RunningServer.PostAsync(
            _server.Operator, "/api/v1/devices/press-4/reenroll", $$"""{"validFor":"{{validFor}}"}""");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Device_that_was_off_for_four_hundred_days_comes_back_with_a_new_key()
    {
        var device = await _server.EnrollAsync("press-5", new() { ["line"] = "3" });
        _clock.AdjustTime(_clock.GetUtcNow().AddDays(400)); // no timer of those days has to run
        await Assert.ThrowsAnyAsync<Exception>(() => LateAsync(device.Certificate));

        var token = await _server.ReturnTokenAsync("press-5");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var client = Late(null);
        var request = new EnrollRequest(token.Token, device.Id, TestDevice.SigningRequest(key), RunningServer.Facts);
        using var answer = await RunningServer.PostAsync(
            client, "/enroll", JsonSerializer.Serialize(request, FleetJson.Default.EnrollRequest));
        var back = JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(), FleetJson.Default.EnrollResponse)!;
        using var certificate = X509Certificate2.CreateFromPem(back.Certificate, key.ExportPkcs8PrivateKeyPem());
        Assert.Equal(HttpStatusCode.OK, await LateAsync(certificate));
        Assert.Equal("3", (await _server.ViewAsync("press-5")).Labels["line"]);
    }

    [Fact]
    public async Task Revoked_device_comes_back_when_the_revocation_is_taken_back()
    {
        var device = await _server.EnrollAsync("press-6");
        await _server.DoAsync("press-6", "revoke");
        Assert.Equal("The certificate of device press-6 is revoked.", await device.RefusalAsync());
        Assert.True((await _server.ViewAsync("press-6")).Revoked);
        await _server.DoAsync("press-6", "unrevoke");
        Assert.Null(await device.RefusalAsync());
    }

    [Fact]
    public async Task Revoked_device_that_an_operator_lets_back_is_revoked_no_longer()
    {
        var device = await _server.EnrollAsync("press-7");
        await _server.DoAsync("press-7", "revoke");
        var back = await _server.EnrollWithAsync((await _server.ReturnTokenAsync("press-7")).Token, "press-7");
        Assert.Null(await back.RefusalAsync());
        Assert.NotNull(await device.RefusalAsync());
    }

    [Fact]
    public async Task Decommissioned_device_is_gone_everywhere_and_its_id_is_free()
    {
        var device = await _server.EnrollAsync("press-8", new() { ["site"] = "berlin" });
        using var connected = await device.ConnectAsync();
        await device.PublishAsync(connected, Topics.Reported, TestDevice.Report(0), FleetJson.Default.ReportedState);
        var gone = new TaskCompletionSource();
        connected.DisconnectedAsync += _ => Task.FromResult(gone.TrySetResult());

        using (var removed = await _server.Operator.DeleteAsync("/api/v1/devices/press-8"))
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        await gone.Task.WaitAsync(Eventually.DefaultDeadline);
        Assert.Equal("Device press-8 is not enrolled here.", await device.RefusalAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await _server.Operator.GetAsync("/api/v1/devices/press-8")).StatusCode);
        Assert.DoesNotContain("press-8", await _server.Operator.GetStringAsync("/api/v1/devices"), StringComparison.Ordinal);
        Assert.Contains("DELETE /api/v1/devices/press-8", await File.ReadAllTextAsync(_server.Folder["audit.jsonl"]),
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await _server.Operator.DeleteAsync("/api/v1/devices/press-8")).StatusCode);

        // The database that was written down must not bring it back.
        await _server.RestartAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await _server.Operator.GetAsync("/api/v1/devices/press-8")).StatusCode);
        var anew = await _server.EnrollAsync("press-8");
        Assert.Null(await anew.RefusalAsync());
        Assert.NotNull(await device.RefusalAsync());
        Assert.Empty((await _server.ViewAsync("press-8")).Labels);
    }

    /// <summary>Found in review: its pin passed to the next device of its id, its revision began again, and it could be adopted.</summary>
    [Fact]
    public async Task Decommissioned_device_leaves_no_pin_no_smaller_revision_and_is_no_stranger()
    {
        var device = await _server.EnrollAsync("press-9");
        await _server.Store.CommitAsync(
            [
                StoreChange.Create("press-9", new DeviceDesired(7, [new DesiredRelease("speech", 3)])),
                StoreChange.Create(Pin.IdOf(device.Id, "speech"), new Pin(device.Id, "speech", 3, _clock.GetUtcNow())),
            ], default);
        using (var removed = await _server.Operator.DeleteAsync("/api/v1/devices/press-9"))
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);

        Assert.Null(await _server.Store.FindAsync<Pin>(Pin.IdOf(device.Id, "speech"), default));
        Assert.NotNull(await device.RefusalAsync());
        Assert.Equal("[]", await _server.Operator.GetStringAsync("/api/v1/strangers"));
        await _server.EnrollAsync("press-9");
        var desired = (await _server.Store.FindAsync<DeviceDesired>("press-9", default))!.Document;
        Assert.Equal((8L, 0), (desired.Revision, desired.Assignments.Count));
    }

    [Theory]
    [InlineData("revoke")]
    [InlineData("unrevoke")]
    [InlineData("revoke?serial=AB")]
    [InlineData("acknowledge")]
    public async Task Nothing_is_done_to_a_device_that_is_not_there(string verb)
    {
        using var answer = await RunningServer.PostAsync(_server.Operator, $"/api/v1/devices/nope/{verb}", "");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("There is no device 'nope'.", (await RunningServer.ProblemOf(answer)).Title);
    }

    private async Task<HttpStatusCode> LateAsync(X509Certificate2 certificate)
    {
        using var client = Late(certificate);
        using var answer = await client.GetAsync(new Uri("/self", UriKind.Relative));
        return answer.StatusCode;
    }

    /// <summary>The server's certificate is of its own clock, which is 400 days ahead of the one that judges here.</summary>
    private HttpClient Late(X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = TestDevice.Trusting(_server.AuthorityPem);
        handler.SslOptions.CertificateChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        if (certificate is not null) handler.SslOptions.ClientCertificates = [certificate];
        return new HttpClient(handler) { BaseAddress = new Uri(_server.Addresses.Devices) };
    }

    private async Task<IReadOnlyList<TokenView>> TokensAsync()
        => JsonSerializer.Deserialize(await _server.Operator.GetStringAsync("/api/v1/tokens"), FleetJson.Default.IReadOnlyListTokenView)!;
}
