using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Access;

/// <summary>What admins may call about people who are signed in to the pages.</summary>
internal static class SessionEndpoints
{
    /// <summary>Maps <c>/api/v1/sessions</c>.</summary>
    public static void MapSessions(this IEndpointRouteBuilder operators)
    {
        var route = operators.MapGroup("/api/v1/sessions").ForAdmins();
        route.MapGet("/", async (
            [AsParameters] PageQuery page, HttpContext context, Sessions sessions, CancellationToken cancellationToken)
            => Paging.PageOf(
                context, page, await sessions.ListAsync(cancellationToken), view => view.Id, FleetJson.Default.IReadOnlyListSessionView))
            .Tells<IReadOnlyList<SessionView>>("ListSessions", "Lists who is signed in to the pages.");
        route.MapDelete("/", async (string name, Sessions sessions, CancellationToken cancellationToken)
            => await sessions.EndAsync(name, cancellationToken)
                ? Results.NoContent()
                : Refusal.Unknown($"'{name}' is not signed in.").ToResult())
            .TellsNothing("EndSessions", "Signs a person out of the pages, on all devices.");
    }
}
