using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>
/// Found in review: devices that enrolled or renewed while the server's clock was ahead were shut out once it was corrected, for as long as
/// it had been ahead.
/// </summary>
public sealed class IssuingClockTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly RunningServer _server;

    public IssuingClockTests() => _server = new RunningServer(services => services.AddSingleton<TimeProvider>(_clock));

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(31)]
    [InlineData(-1)]
    public async Task Nothing_is_dated_by_a_clock_that_jumped_and_everybody_gets_a_certificate_once_it_is_corrected(int days)
    {
        var device = await _server.EnrollAsync("press-1");
        var token = await _server.TokenAsync();
        var (waits, waiting) = await _server.TryEnrollAsync((await _server.TokenAsync(approve: true)).Token, "press-3");
        waiting.Dispose();
        Assert.Equal(HttpStatusCode.Accepted, waits.StatusCode);

        await TurnAsync(days);
        using (var next = ECDsa.Create(ECCurve.NamedCurves.nistP256)) await RefusedAsync(await device.TryRenewAsync(next));
        var (refused, key) = await _server.TryEnrollAsync(token.Token, "press-2");
        await RefusedAsync(refused);
        await RefusedAsync(await RunningServer.PostAsync(_server.Operator, "/api/v1/enrollments/press-3/approve", ""));

        await TurnAsync(-days);
        Assert.Null(await (await device.RenewAsync()).RefusalAsync());
        Assert.Null(await (await _server.EnrollWithAsync(token.Token, "press-2", key)).RefusalAsync());
        await RunningServer.PostAsync(_server.Operator, "/api/v1/enrollments/press-3/approve", "");
        Assert.False((await _server.ViewAsync("press-3")).Revoked);
    }

    [Fact]
    public async Task Certificate_issued_by_a_clock_that_was_ahead_unnoticed_counts_when_it_is_corrected()
    {
        await TurnAsync(29);
        var device = await _server.EnrollAsync("press-1");
        await TurnAsync(-29);
        Assert.Null(await device.RefusalAsync());
        using var connected = await device.ConnectAsync();
        Assert.True(connected.IsConnected);
    }

    /// <summary>Found in review: whoever fetched what had been issued before took the wrong time for true, every order for old.</summary>
    [Theory]
    [InlineData(true)] // an operator let it in meanwhile
    [InlineData(false)] // the first answer was lost
    public async Task Certificate_from_before_the_clock_jumped_is_fetched_once_that_is_corrected(bool approve)
    {
        var token = await _server.TokenAsync(approve: approve);
        var (first, key) = await _server.TryEnrollAsync(token.Token, "press-4");
        first.Dispose();
        if (approve) (await RunningServer.PostAsync(_server.Operator, "/api/v1/enrollments/press-4/approve", "")).Dispose();

        await TurnAsync(365);
        var (refused, _) = await _server.TryEnrollAsync(token.Token, "press-4", key: key);
        await RefusedAsync(refused);

        await TurnAsync(-365);
        var device = await _server.EnrollWithAsync(token.Token, "press-4", key);
        Assert.Equal(_clock.GetUtcNow(), device.Identity.ServerTime);
        Assert.Null(await device.RefusalAsync());
    }

    private static async Task RefusedAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        var problem = await RunningServer.ProblemOf(answer);
        Assert.StartsWith("No certificates are issued now. The server's clock says ", problem.Title, StringComparison.Ordinal);
    }

    /// <summary>The clock is wrong, or right again, from the next start on.</summary>
    private Task TurnAsync(int days)
    {
        _clock.AdjustTime(_clock.GetUtcNow().AddDays(days));
        return _server.RestartAsync();
    }
}
