using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Http;
using Fleet.Server.Storage;
using Fleet.Server.Tests.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Server.Tests.Http;

/// <summary>
/// What is kept, and how much of it. Found in review: a call that was done was answered as a failure where its answer could not be kept,
/// and nothing bounded what was kept for one caller.
/// </summary>
public sealed partial class IdempotencyTests
{
    [Fact]
    public async Task Answer_too_large_to_be_kept_is_given_and_its_call_is_not_done_twice()
    {
        var (content, done) = (RandomNumberGenerator.GetBytes(10_000_000), 0);
        Task RunAsync(HttpContext context)
        {
            done++;
            return Results.Bytes(content).ExecuteAsync(context);
        }
        var calls = CallsOn(_server.Store);
        Assert.Equal(content, (await CallAsync(calls, RunAsync)).Answer);
        var (status, answer) = await CallAsync(calls, RunAsync);
        Assert.Equal((1, StatusCodes.Status409Conflict), (done, status));
        Assert.Contains("was done and answered with 200", Encoding.UTF8.GetString(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_that_names_fifty_thousand_devices_is_given_again_in_whole()
    {
        var rollout = JsonSerializer.SerializeToUtf8Bytes(
            Enumerable.Range(0, 50_000).Select(i => new DeviceRolloutView(
                DeviceId.Parse($"press-{i:00000}"), 1 + (i / 10_000), DeviceRolloutStatus.Running, DeploymentPhase.Downloading,
                DeploymentFailure.None, "", "x64-int8", UpdatedAt: _clock.GetUtcNow().AddMilliseconds(i * 37))),
            JsonSerializerOptions.Web);
        Task RunAsync(HttpContext context) => Results.Bytes(rollout).ExecuteAsync(context);
        var calls = CallsOn(_server.Store);
        await CallAsync(calls, RunAsync);
        Assert.Equal(rollout, (await CallAsync(calls, _ => throw new InvalidOperationException("It was done."))).Answer);
        var kept = await _server.Store.AllAsync<IdempotentCall>("", default).SingleAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{rollout.Length:N0} bytes are kept as {kept.Document.Answer!.Length:N0}");
    }

    [Fact]
    public async Task Disk_that_fails_once_a_call_was_done_takes_its_answer_from_nobody()
    {
        var store = new FailingStore(_server.Store);
        var calls = CallsOn(store);
        Task RunAsync(HttpContext context)
        {
            store.FailsToWrite = true;
            return Results.Json("a secret that is told once", statusCode: StatusCodes.Status201Created).ExecuteAsync(context);
        }
        var (status, answer) = await CallAsync(calls, RunAsync);
        Assert.Equal(StatusCodes.Status201Created, status);
        Assert.Equal("\"a secret that is told once\"", Encoding.UTF8.GetString(answer));
        store.FailsToWrite = false;
        (status, answer) = await CallAsync(calls, RunAsync);
        Assert.Equal(StatusCodes.Status409Conflict, status);
        Assert.Contains("look whether it was done", Encoding.UTF8.GetString(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_kept_of_a_call_that_changes_nothing()
    {
        foreach (var _ in (int[])[1, 2])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/rollouts/preview");
            request.Content = new StringContent(
                """{"model":"speech","version":1,"waves":[{"percent":100}]}""", Encoding.UTF8, "application/json");
            request.Headers.Add(IdempotentCalls.Header, "k-1");
            using var answer = await _server.Operator.SendAsync(request);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.False(answer.Headers.Contains(IdempotentCalls.ReplayedHeader));
        }
        Assert.False(await _server.Store.AllAsync<IdempotentCall>("", default).AnyAsync());
    }

    [Fact]
    public async Task Answers_to_one_caller_are_kept_within_a_bound_that_a_restart_does_not_lift()
    {
        var (content, done) = (RandomNumberGenerator.GetBytes(1_000_000), 0);
        Task RunAsync(HttpContext context)
        {
            done++;
            return Results.Bytes(content).ExecuteAsync(context);
        }
        var calls = CallsOn(_server.Store);
        for (var n = 0; n < 20; n++) Assert.Equal(content, (await CallAsync(calls, RunAsync, $"k-{n}")).Answer);
        Assert.Equal(content, (await CallAsync(CallsOn(_server.Store), RunAsync, "k-20")).Answer);
        var kept = await _server.Store.AllAsync<IdempotentCall>("", default).Select(call => call.Document).ToListAsync();
        Assert.InRange(kept.Sum(call => call.Answer?.Length ?? 0), KeptCalls.MostBytes - content.Length, KeptCalls.MostBytes);
        Assert.Equal((21, 21), (done, kept.Count));
    }

    [Fact]
    public async Task Caller_who_has_made_too_many_calls_with_a_key_is_told_to_leave_it_out_and_others_are_not()
    {
        for (var part = 0; part < KeptCalls.MostCalls; part += 250)
            await _server.Store.CommitAsync([
                .. Enumerable.Range(part, 250).Select(n => StoreChange.Create(
                    $"{n}", new IdempotentCall("f", _clock.GetUtcNow() + IdempotentCalls.Kept) { Caller = "operator", Status = 204 })),
            ], default);
        using var refused = await PostAsync(One, "k-1");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Contains("without Idempotency-Key", (await RunningServer.ProblemOf(refused)).Problems[0], StringComparison.Ordinal);
        using var anna = await _server.ApiAsync("anna", [Roles.Operator]);
        using var others = await PostAsync(One, "k-1", anna);
        Assert.Equal(HttpStatusCode.Created, others.StatusCode);

        _clock.Advance(IdempotentCalls.Kept);
        using var again = await PostAsync(One, "k-1");
        Assert.Equal(HttpStatusCode.Created, again.StatusCode);
    }

    [Fact]
    public async Task Answer_kept_while_the_clock_was_ahead_is_forgotten_once_the_clock_is_right()
    {
        var (clock, ahead, done) = (new TurnedClock(), TimeSpan.FromDays(800), 0);
        clock.Turn(-ahead, TimeSpan.Zero);
        var calls = new IdempotentCalls(_server.Store, clock, NullLogger<IdempotentCalls>.Instance);
        Task RunAsync(HttpContext context)
        {
            done++;
            return Results.NoContent().ExecuteAsync(context);
        }
        await CallAsync(calls, RunAsync);
        // As much as a clock is corrected by on any day changes nothing.
        clock.Turn(TimeSpan.FromMinutes(5), TimeSpan.Zero);
        await CallAsync(calls, RunAsync);
        Assert.Equal(1, done);

        clock.Turn(ahead, TimeSpan.FromHours(2));
        await CallAsync(calls, RunAsync, "k-2");
        Assert.Equal(2, done);
        Assert.Single(await _server.Store.AllAsync<IdempotentCall>("", default).ToListAsync());
    }

    private IdempotentCalls CallsOn(IFleetStore store) => new(store, _clock, NullLogger<IdempotentCalls>.Instance);

    private async Task<(int Status, byte[] Answer)> CallAsync(IdempotentCalls calls, RequestDelegate run, string key = "k-1")
    {
        using var answer = new MemoryStream();
        var context = ContextOf(answer, CancellationToken.None, key);
        await calls.InvokeAsync(context, run);
        return (context.Response.StatusCode, answer.ToArray());
    }
}
