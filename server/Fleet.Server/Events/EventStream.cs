using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Access;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Events;

/// <summary>What one reader is sent until it hangs up, the server stops, or it may not read any more.</summary>
internal sealed class EventStream(
    ChangeFeed feed, IFleetStore store, CallerCheck check, TimeProvider time, IHostApplicationLifetime lifetime)
{
    /// <summary>The event that lists changes.</summary>
    public const string Changes = "changes";

    /// <summary>The event that says nothing but that the stream is alive.</summary>
    public const string Alive = "alive";

    /// <summary>How long changes are collected: however many there are, a reader is told once in this time.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private const int IntervalsPerCheck = 15;

    /// <summary>Sends what changes.</summary>
    /// <param name="context">The request.</param>
    /// <param name="after">Up to when the reader has read; null when it begins.</param>
    public async Task SendAsync(HttpContext context, string? after)
    {
        using var reader = feed.Subscribe(after, Caller.Of(context.User).Name);
        if (reader is null)
        {
            var problem = new ApiProblem(
                $"{ChangeFeed.MaximumReaders} readers follow the events already, or {ChangeFeed.MaximumReadersOfOne} of yours. Read again "
                    + "now and then instead, or try later.",
                StatusCodes.Status503ServiceUnavailable, []);
            await problem.ToResult().ExecuteAsync(context);
            return;
        }
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        // A proxy that collects what it passes on would hold events back.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        await TypedResults.ServerSentEvents(EventsAsync(reader, context, ends.Token)).ExecuteAsync(context);
    }

    private async IAsyncEnumerable<SseItem<string>> EventsAsync(
        ChangeSubscription reader, HttpContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var caller = Caller.Of(context.User);
        // The first one is sent at once and may list nothing: it says from when on the reader is told.
        for (var interval = 0; interval == 0 || await TicksAsync(timer, cancellationToken); interval++)
        {
            var isCheck = interval > 0 && interval % IntervalsPerCheck == 0;
            if (isCheck && !await check.IsStillAsync(context)) yield break;
            var (moment, all) = reader.Take();
            var seen = await SeenAsync(caller, all, cancellationToken);
            if (seen.Count > 0 || interval == 0)
                yield return new SseItem<string>(JsonSerializer.Serialize(new ChangesView(seen), FleetJson.Default.ChangesView), Changes)
                {
                    EventId = moment,
                };
            else if (isCheck) yield return new SseItem<string>("", Alive);
        }
    }

    /// <summary>
    /// Who sees some devices only is told of those by name, and of everything else that something of its kind changed: what such a reader
    /// sees of rollouts and targets depends on them, and a device that left is not among its own any more.
    /// </summary>
    private async Task<IReadOnlyList<ChangeView>> SeenAsync(
        Caller caller, IReadOnlyList<ChangeView> changes, CancellationToken cancellationToken)
    {
        if (!caller.IsLimited) return changes;
        var seen = new HashSet<ChangeView>();
        foreach (var change in changes)
        {
            var isOwn = change is { Kind: ChangeKind.Device, Id: { } id }
                && await store.DeviceAsync(caller, id, cancellationToken) is not null;
            seen.Add(isOwn ? change : change with { Id = null });
        }
        return [.. seen];
    }

    private static async ValueTask<bool> TicksAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
