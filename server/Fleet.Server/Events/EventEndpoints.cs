using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Events;

/// <summary>The room of events: what changes, told to whoever follows.</summary>
internal static class EventEndpoints
{
    /// <summary>Where readers follow.</summary>
    public const string Path = "/api/v1/events";

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddEvents(this IServiceCollection services) => services
        .AddSingleton<ChangeFeed>()
        .AddSingleton<ICommitObserver>(provider => provider.GetRequiredService<ChangeFeed>())
        .AddSingleton<IConnectionObserver>(provider => provider.GetRequiredService<ChangeFeed>())
        .AddSingleton<EventStream>();

    /// <summary>Maps the stream; for whoever reads.</summary>
    public static void MapEvents(this IEndpointRouteBuilder operators)
        => operators.MapGet(Path, (string? after, HttpContext context, EventStream events)
            => events.SendAsync(context, context.Request.Headers["Last-Event-ID"].FirstOrDefault() ?? after))
            .ForViewers().WithName("FollowChanges")
            .WithSummary("Follows what changes, as server-sent events: 'changes' with JSON once a second at most, 'alive' otherwise.")
            .Produces<string>(StatusCodes.Status200OK, "text/event-stream");
}
