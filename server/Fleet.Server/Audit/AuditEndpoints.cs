using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Audit;

/// <summary>The room of the audit trail: what it registers, how it watches requests, and what admins may read.</summary>
internal static class AuditEndpoints
{
    private const int PageLength = 100;

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddAudit(this IServiceCollection services) => services
        .AddDocument("auditHead", AuditJson.Default.AuditHead)
        .AddSingleton<AuditTrail>()
        .AddSingleton(provider => new AuditQuota(provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<ConnectionAudit>()
        .AddSingleton<IRefusalObserver>(provider => provider.GetRequiredService<ConnectionAudit>())
        .AddHostedService(provider => provider.GetRequiredService<ConnectionAudit>())
        .AddSingleton<AuditWatch>()
        .AddSingleton<AuditReader>()
        .AddHostedService<AuditKeeper>();

    /// <summary>Notes requests: around everything else, so that whatever becomes of them is known.</summary>
    public static void UseAudit(this WebApplication app)
    {
        var watch = app.Services.GetRequiredService<AuditWatch>();
        app.Use((context, next) => watch.InvokeAsync(context, next));
    }

    /// <summary>Sees what endpoints commit: behind whatever finds out who is there, which has its own to write.</summary>
    public static void UseCommitWitness(this WebApplication app) => app.Use(AuditWatch.WitnessAsync);

    /// <summary>Maps <c>/api/v1/audit</c>.</summary>
    public static void MapAudit(this IEndpointRouteBuilder operators)
    {
        var audit = operators.MapGroup("/api/v1/audit").ForAdmins();
        audit.MapGet("/", List).Tells<IReadOnlyList<AuditView>>(
            "ListAudit", "Lists lines of the audit trail: the newest, those before a number, or those behind one.");
        audit.MapGet("/verification", async (
            long? number, string? chain, AuditReader reader, CancellationToken cancellationToken)
            => Results.Json(await reader.VerifyAsync(number, chain, cancellationToken), FleetJson.Default.AuditVerification))
            .Tells<AuditVerification>("VerifyAudit", "Checks the chain of the audit trail.");
    }

    private static IResult List(
        DateTimeOffset? since, string? who, long? after, long? before, int? limit, HttpContext context, AuditReader reader,
        CancellationToken cancellationToken)
    {
        if (after is not null && before is not null)
            return Refusal.Invalid("after and before are of two directions: one of them is enough.").ToResult();
        var query = new AuditQuery(since, who, after, limit ?? PageLength) { Before = before };
        var (views, goesOn) = reader.List(query, cancellationToken);
        if (goesOn && after is not null) Paging.SayNext(context, $"{views[^1].Number}");
        else if (goesOn) Paging.SayPrevious(context, $"{views[0].Number}");
        return Results.Json(views, FleetJson.Default.IReadOnlyListAuditView);
    }
}
