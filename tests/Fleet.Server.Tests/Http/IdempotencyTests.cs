using System.Net;
using System.Text;
using Fleet.Contracts;
using Fleet.Server.Http;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Http;

/// <summary>A POST that is sent again because nobody knows whether the first one arrived.</summary>
public sealed partial class IdempotencyTests : IAsyncLifetime
{
    private const string One = """{"uses":1,"validFor":"01:00:00"}""";
    private const string Two = """{"uses":2,"validFor":"01:00:00"}""";

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly RunningServer _server;

    public IdempotencyTests() => _server = new RunningServer(services => services.AddSingleton<TimeProvider>(_clock));

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Same_call_is_done_once_and_answered_again()
    {
        using var first = await PostAsync(One, "k-1");
        using var second = await PostAsync(One, "k-1");
        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        Assert.Equal(first.Content.Headers.ContentType, second.Content.Headers.ContentType);
        Assert.False(first.Headers.Contains(IdempotentCalls.ReplayedHeader));
        Assert.Equal("true", second.Headers.GetValues(IdempotentCalls.ReplayedHeader).Single());
        Assert.Equal(1, await TokensAsync());
    }

    [Fact]
    public async Task Refusal_is_an_answer_as_well()
    {
        using var first = await PostAsync("""{"uses":0,"validFor":"01:00:00"}""", "k-1");
        using var second = await PostAsync("""{"uses":0,"validFor":"01:00:00"}""", "k-1");
        Assert.Equal((await RunningServer.ProblemOf(first)).Problems, (await RunningServer.ProblemOf(second)).Problems);
    }

    /// <summary>A client gives up waiting in the moment in which its call is answered, and sends it again.</summary>
    [Fact]
    public async Task Call_whose_client_hung_up_is_done_to_its_end_and_answered_again_in_whole()
    {
        var (calls, done) = (_server.Services.GetRequiredService<IdempotentCalls>(), 0);
        using var hungUp = new CancellationTokenSource();
        async Task RunAsync(HttpContext context)
        {
            done++;
            await hungUp.CancelAsync();
            await Results.Json("a secret that is told once", statusCode: StatusCodes.Status201Created).ExecuteAsync(context);
        }
        using var nobody = new MemoryStream();
        await Record.ExceptionAsync(() => calls.InvokeAsync(ContextOf(nobody, hungUp.Token), RunAsync));
        using var answer = new MemoryStream();
        var again = ContextOf(answer, CancellationToken.None);
        await calls.InvokeAsync(again, RunAsync);
        Assert.Equal((1, StatusCodes.Status201Created), (done, again.Response.StatusCode));
        Assert.Equal("\"a secret that is told once\"", Encoding.UTF8.GetString(answer.ToArray()));
    }

    [Fact]
    public async Task Report_may_have_a_key_up_to_its_own_limit_and_a_bundle_past_it_hears_what_to_do()
    {
        using var report = await SendAsync("/api/v1/reports", Limits.ReportFileBytes);
        Assert.Equal(HttpStatusCode.BadRequest, report.StatusCode);
        using var bundle = await SendAsync("/api/v1/releases/bundles", Limits.ReportFileBytes + 1);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, bundle.StatusCode);
        Assert.Equal("Send this file without Idempotency-Key: a file that was taken once changes nothing when it comes again.",
            Assert.Single((await RunningServer.ProblemOf(bundle)).Problems));

        async Task<HttpResponseMessage> SendAsync(string path, int bytes)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(new byte[bytes]) };
            request.Headers.Add(IdempotentCalls.Header, "k-1");
            return await _server.Operator.SendAsync(request);
        }
    }

    [Fact]
    public async Task Key_of_another_call_is_refused()
    {
        using var first = await PostAsync(One, "k-1");
        using var other = await PostAsync(Two, "k-1");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
        Assert.Equal(1, await TokensAsync());
    }

    [Fact]
    public async Task Key_of_another_caller_is_another_key()
    {
        using var first = await PostAsync(One, "k-1");
        using var anna = await _server.ApiAsync("anna", [Roles.Operator]);
        using var second = await PostAsync(One, "k-1", anna);
        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        Assert.NotEqual(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Key_of_a_caller_of_the_same_name_that_sees_other_devices_is_another_key()
    {
        using var berlin = await _server.ApiAsync("press-line", [Roles.Operator], "label.site=berlin");
        using var paris = await _server.ApiAsync("press-line", [Roles.Operator], "label.site=paris");
        using var first = await PostAsync(One, "k-1", berlin);
        using var second = await PostAsync(One, "k-1", paris);
        Assert.False(second.Headers.Contains(IdempotentCalls.ReplayedHeader));
    }

    [Fact]
    public async Task Answer_is_kept_for_a_day_and_through_a_restart()
    {
        using var first = await PostAsync(One, "k-1");
        _clock.Advance(IdempotentCalls.Kept - TimeSpan.FromSeconds(1));
        await _server.RestartAsync();
        using var again = await PostAsync(One, "k-1");
        Assert.Equal(await first.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        _clock.Advance(TimeSpan.FromSeconds(1));
        using var anew = await PostAsync(One, "k-1");
        Assert.NotEqual(await first.Content.ReadAsStringAsync(), await anew.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Calls_that_race_are_done_once()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => PostAsync(One, "k-1")));
        Assert.All(answers, answer => Assert.True(answer.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict));
        Assert.Equal(1, await TokensAsync());
    }

    [Fact]
    public async Task Call_whose_server_died_is_never_done_twice_without_a_word()
    {
        using var first = await PostAsync(One, "k-1");
        var stored = await _server.Store.AllAsync<IdempotentCall>("", default).SingleAsync();
        await _server.Store.CommitAsync([stored.Change(stored.Document with { Status = 0, Answer = null })], default);
        using var again = await PostAsync(One, "k-1");
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        Assert.Contains("look whether it was done", (await RunningServer.ProblemOf(again)).Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_kept_tells_no_secret_to_whoever_has_the_store()
    {
        using var first = await PostAsync(One, "k-1");
        var stored = await _server.Store.AllAsync<IdempotentCall>("", default).SingleAsync();
        Assert.DoesNotContain("fleet1.", Encoding.Latin1.GetString(stored.Document.Answer!), StringComparison.Ordinal);
        Assert.DoesNotContain("k-1", stored.Id, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("")]
    public async Task Key_that_is_none_is_refused(string key)
    {
        using var answer = await PostAsync(One, key);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    /// <summary>A POST of an operator, as it comes to what keeps answers.</summary>
    private DefaultHttpContext ContextOf(Stream answer, CancellationToken aborted, string key = "k-1")
    {
        var context = new DefaultHttpContext { RequestServices = _server.Services, RequestAborted = aborted };
        context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new RoleStatement(Roles.Operator)), null));
        (context.Request.Method, context.Request.Path) = (HttpMethods.Post, "/api/v1/tokens");
        context.Request.Headers[IdempotentCalls.Header] = key;
        context.Response.Body = answer;
        return context;
    }

    private async Task<int> TokensAsync()
        => System.Text.Json.JsonSerializer.Deserialize(
            await _server.Operator.GetStringAsync("/api/v1/tokens"), Contracts.FleetJson.Default.IReadOnlyListTokenView)!.Count;

    private async Task<HttpResponseMessage> PostAsync(string body, string key, HttpClient? client = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/tokens");
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        request.Headers.TryAddWithoutValidation(IdempotentCalls.Header, key);
        return await (client ?? _server.Operator).SendAsync(request);
    }
}
