using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Events;
using Fleet.Server.Http;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Events;

/// <summary>What a reader of <c>/api/v1/events</c> is sent, over HTTP.</summary>
public sealed class EventStreamTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    private readonly RunningServer _server = new();
    private readonly CancellationTokenSource _patience = new(Deadline);

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        _patience.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Reader_hears_of_a_device_that_is_enrolled_connects_and_is_labelled()
    {
        await using var reader = await FollowAsync(_server.Operator);
        var device = await _server.EnrollAsync("talker");
        await reader.UntilAsync(new ChangeView(ChangeKind.Device, "talker"));
        using (await device.ConnectAsync()) await reader.UntilAsync(new ChangeView(ChangeKind.Device, "talker"));
        using var answer = await _server.Operator.PatchAsync(
            "/api/v1/devices/talker/labels", new StringContent("""{"labels":{"site":"berlin"}}"""));
        await reader.UntilAsync(new ChangeView(ChangeKind.Device, "talker"));
    }

    [Fact]
    public async Task Reader_that_comes_back_is_told_to_read_again_what_changed_while_it_was_away()
    {
        string last;
        await using (var reader = await FollowAsync(_server.Operator)) last = (await reader.NextAsync())!.Value.EventId!;
        await _server.EnrollAsync("unheard");
        await using var again = await FollowAsync(_server.Operator, last);
        await again.UntilAsync(new ChangeView(ChangeKind.Device));
    }

    [Fact]
    public async Task Reader_who_is_limited_hears_of_no_device_of_others_by_its_name()
    {
        using var limited = await _server.ApiAsync("reader", [Roles.Viewer], "label.site=berlin");
        await using var reader = await FollowAsync(limited);
        await _server.EnrollAsync("veiled", new Dictionary<string, string> { ["site"] = "munich" });
        await _server.EnrollAsync("own", new Dictionary<string, string> { ["site"] = "berlin" });
        await reader.UntilAsync(new ChangeView(ChangeKind.Device, "own"));
        Assert.DoesNotContain(reader.Heard, change => change.Id == "veiled");
        Assert.DoesNotContain(reader.Heard, change => change.Kind != ChangeKind.Device && change.Id is not null);
    }

    [Fact]
    public async Task Stream_ends_when_the_server_stops()
    {
        await using var reader = await FollowAsync(_server.Operator);
        await reader.NextAsync();
        var stopping = _server.StopAsync();
        while (await reader.NextAsync() is not null)
        {
        }
        await stopping.WaitAsync(Deadline);
    }

    [Fact]
    public async Task One_reader_too_many_is_refused_and_told_what_to_do_instead()
    {
        var feed = _server.Services.GetRequiredService<ChangeFeed>();
        var readers = Enumerable.Range(0, ChangeFeed.MaximumReaders).Select(_ => feed.Subscribe(null)!).ToList();
        using var answer = await _server.Operator.GetAsync(EventEndpoints.Path, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("256 readers", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
        foreach (var reader in readers) reader.Dispose();
    }

    /// <summary>Somebody who may only read opens one stream after another and reads none of them.</summary>
    [Fact]
    public async Task Caller_who_opens_streams_without_end_leaves_room_for_others()
    {
        using var greedy = await _server.ApiAsync("greedy", [Roles.Viewer]);
        var taken = new List<HttpResponseMessage>();
        for (var i = 0; i <= ChangeFeed.MaximumReadersOfOne; i++)
            taken.Add(await greedy.GetAsync(EventEndpoints.Path, HttpCompletionOption.ResponseHeadersRead));
        Assert.All(taken.SkipLast(1), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, taken[^1].StatusCode);
        await using var other = await FollowAsync(_server.Operator);
        Assert.NotNull(await other.NextAsync());
        foreach (var answer in taken) answer.Dispose();
    }

    [Fact]
    public async Task Revoked_key_hears_nothing_more()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var response = await fleet.Http.PostAsync(
            "/api/v1/api-keys", new StringContent("""{"name":"leaver","roles":["viewer"]}""", null, "application/json"));
        var key = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FleetJson.Default.CreateApiKeyResponse)!;
        using var http = new HttpClient { BaseAddress = fleet.Http.BaseAddress };
        http.DefaultRequestHeaders.Authorization = new("Bearer", key.Key);
        await using var reader = await FollowAsync(http);
        Assert.NotNull(await reader.NextAsync());

        using var revoked = await fleet.Http.DeleteAsync($"/api/v1/api-keys/{key.Id}");
        Assert.True(revoked.IsSuccessStatusCode);
        var ended = Task.Run(async () =>
        {
            while (await reader.NextAsync() is not null)
            {
            }
        });
        await Eventually.TrueAsync("the stream ends", () =>
        {
            fleet.Clock.Advance(EventStream.Interval);
            return ended.IsCompletedSuccessfully;
        });
    }

    private Task<Reader> FollowAsync(HttpClient client, string? after = null) => Reader.OpenAsync(client, after, _patience.Token);

    /// <summary>One who follows.</summary>
    private sealed class Reader(HttpResponseMessage response, IAsyncEnumerator<SseItem<string>> events) : IAsyncDisposable
    {
        public List<ChangeView> Heard { get; } = [];

        public static async Task<Reader> OpenAsync(HttpClient client, string? after, CancellationToken patience)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, EventEndpoints.Path);
            if (after is not null) request.Headers.Add("Last-Event-ID", after);
            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience);
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
            var parser = SseParser.Create(await response.Content.ReadAsStreamAsync(patience));
            return new Reader(response, parser.EnumerateAsync(patience).GetAsyncEnumerator(patience));
        }

        /// <summary>The next event; null when there is none any more.</summary>
        public async Task<SseItem<string>?> NextAsync()
        {
            if (!await events.MoveNextAsync()) return null;
            if (events.Current.EventType == EventStream.Changes)
                Heard.AddRange(JsonSerializer.Deserialize(events.Current.Data, FleetJson.Default.ChangesView)!.Changes);
            return events.Current;
        }

        /// <summary>Reads until a change has come that was not there before.</summary>
        public async Task UntilAsync(ChangeView change)
        {
            var before = Heard.Count;
            while (!Heard.Skip(before).Contains(change)) Assert.NotNull(await NextAsync());
        }

        public async ValueTask DisposeAsync()
        {
            await events.DisposeAsync();
            response.Dispose();
        }
    }
}
