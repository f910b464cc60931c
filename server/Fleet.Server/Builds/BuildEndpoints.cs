using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Builds;

/// <summary>The room of builds: what it registers, and what operators and workers may call.</summary>
internal static class BuildEndpoints
{
    /// <summary>The page is a worker's work: it may show itself, and nothing else.</summary>
    private const string PagePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddBuilds(this IServiceCollection services) => services
        .AddDocument("build", BuildsJson.Default.Build)
        .AddDocument("openBuild", BuildsJson.Default.OpenBuild)
        .AddSingleton<BuildQueue>()
        .AddSingleton<IArtifactNaming, BuildArtifacts>()
        .AddSingleton<WorkerHost>()
        .AddHostedService<LeaseWatch>()
        .AddHostedService<LocalWorkers>();

    /// <summary>Maps <c>/api/v1/builds</c>.</summary>
    public static void MapBuilds(this IEndpointRouteBuilder operators)
    {
        var builds = operators.MapGroup("/api/v1/builds");
        builds.MapPost("/", SubmitAsync).ForOperators().Takes<BuildSpec>()
            .Tells<BuildView>("SubmitBuild", "Queues a build by its specification.", StatusCodes.Status201Created);
        builds.MapGet("/", ListAsync).ForViewers().Tells<IReadOnlyList<BuildView>>("ListBuilds", "Lists builds, the newest first.");
        builds.MapGet("/{id}", async (string id, IFleetStore store, CancellationToken cancellationToken)
            => await store.FindAsync<Build>(id, cancellationToken) is { } stored
                ? Results.Json(stored.Document.ToView(), FleetJson.Default.BuildView)
                : Unknown(id)).ForViewers().Tells<BuildView>("GetBuild", "Shows a build.");
        builds.MapPost("/{id}/cancel", async (string id, BuildQueue queue, CancellationToken cancellationToken)
            => ViewOf(await queue.CancelAsync(id, cancellationToken))).ForOperators().Tells<BuildView>("CancelBuild", "Cancels a build.");
        builds.MapGet("/{id}/report", (string id, IFleetStore store, ArtifactStore artifacts, CancellationToken cancellationToken)
            => ReportAsync(id, build => build.ReportSha256, "application/json", store, artifacts, cancellationToken)).ForViewers()
            .Tells<BuildReport>("GetBuildReport", "Shows what a build measured.");
        operators.MapGet(
            "/builds/{id}/report.html", (
                string id, HttpResponse response, IFleetStore store, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        {
            response.Headers.ContentSecurityPolicy = PagePolicy;
            return ReportAsync(id, build => build.PageSha256, "text/html; charset=utf-8", store, artifacts, cancellationToken);
        }).ForViewers();
    }

    /// <summary>Maps what workers call; the caller has made sure that it is a worker.</summary>
    public static void MapWorkers(this IEndpointRouteBuilder workers)
    {
        var worker = workers.MapGroup("/api/v1/worker");
        worker.MapPost("/leases", LeaseAsync).WithMetadata(new Routine(StatusCodes.Status204NoContent)).Takes<LeaseRequest>()
            .Tells<LeaseResponse>("LeaseBuild", "Gives a worker the next build; 204 when none waits.")
            .Produces(StatusCodes.Status204NoContent);
        worker.MapPost(
            "/builds/{id}/progress", async (string id, HttpRequest request, BuildQueue queue, CancellationToken cancellationToken) =>
        {
            var sent = await RequestBody.ReadAsync(request, FleetJson.Default.ProgressRequest, cancellationToken);
            return sent.Value is { } progress
                ? ViewOf(await queue.AdvanceAsync(id, progress.LeaseId, progress.Progress, cancellationToken))
                : sent.Problem!.ToResult();
        }).WithMetadata(new Routine(StatusCodes.Status200OK)).Takes<ProgressRequest>()
            .Tells<BuildView>("AdvanceBuild", "Tells how far a leased build is, and keeps its lease.");
        worker.MapPost("/builds/{id}/timings", TimeAsync).WithMetadata(new Routine(StatusCodes.Status200OK)).Takes<TimingRequest>()
            .Tells<TimingView>("TimeFiles", "Has the device that the spec of a leased build names time files, or tells how far it is.");
        worker.MapPost(
            "/builds/{id}/complete", async (string id, HttpRequest request, BuildQueue queue, CancellationToken cancellationToken) =>
        {
            // Report and page travel together.
            var sent = await RequestBody.ReadAsync(
                request, FleetJson.Default.CompleteRequest, cancellationToken, 2 * Limits.BuildReportBytes);
            return sent.Value is { } result ? ViewOf(await queue.CompleteAsync(id, result, cancellationToken)) : sent.Problem!.ToResult();
        }).Takes<CompleteRequest>().Tells<BuildView>("CompleteBuild", "Ends a leased build with its report and variants.");
        worker.MapPost("/builds/{id}/fail", async (string id, HttpRequest request, BuildQueue queue, CancellationToken cancellationToken) =>
        {
            var sent = await RequestBody.ReadAsync(request, FleetJson.Default.FailRequest, cancellationToken);
            return sent.Value is { } failure ? ViewOf(await queue.FailAsync(id, failure, cancellationToken)) : sent.Problem!.ToResult();
        }).Takes<FailRequest>().Tells<BuildView>("FailBuild", "Ends a leased build with what went wrong.");
    }

    private static async Task<IResult> SubmitAsync(
        HttpRequest request, Caller caller, BuildQueue queue, IFleetStore store, CancellationToken cancellationToken)
    {
        var spec = await RequestBody.ReadAsync(request, FleetJson.Strict.BuildSpec, cancellationToken);
        if (spec.Value is null) return spec.Problem!.ToResult();
        // Whose device it is is asked once, here: a worker asks for whoever submitted the build.
        if (spec.Value.Student?.Budget?.Device is { } device && await store.DeviceAsync(caller, device, cancellationToken) is null)
            return Refusal.Invalid("The build spec breaks rules.", $"student.budget.device: There is no device '{device}'.").ToResult();
        return ViewOf(await queue.SubmitAsync(spec.Value, cancellationToken), StatusCodes.Status201Created);
    }

    private static async Task<IResult> TimeAsync(
        string id, HttpRequest request, BuildQueue queue, DeviceTimings timings, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Default.TimingRequest, cancellationToken);
        if (sent.Value is not { } asked) return sent.Problem!.ToResult();
        var held = await queue.TimedOnAsync(id, asked, cancellationToken);
        return held.Value is { } device
            ? Results.Json(
                await timings.AskAsync(id, DeviceId.Parse(device), asked.Files, cancellationToken), FleetJson.Default.TimingView)
            : held.Problem!.ToResult();
    }

    private static async Task<IResult> ListAsync(
        string? model, [AsParameters] PageQuery page, HttpContext context, IFleetStore store, CancellationToken cancellationToken)
    {
        IReadOnlyList<BuildView> views = await store.NewestAsync<Build>("", cancellationToken).Select(stored => stored.Document)
            .Where(build => model is null || build.Spec.Model == model).Select(build => build.ToView()).ToListAsync(cancellationToken);
        return Paging.PageOf(context, page, views, view => view.Id, FleetJson.Default.IReadOnlyListBuildView);
    }

    private static async Task<IResult> LeaseAsync(
        HttpRequest request, Caller caller, BuildQueue queue, IDeviceMeasurements devices, CancellationToken cancellationToken)
    {
        var asked = await RequestBody.ReadAsync(request, FleetJson.Default.LeaseRequest, cancellationToken);
        if (asked.Value is null) return asked.Problem!.ToResult();
        if (!Names.IsName(asked.Value.Worker)) return Refusal.Invalid($"worker '{asked.Value.Worker}' must be {Names.Rule}.").ToResult();
        if (await queue.LeaseAsync(asked.Value.Worker, caller.Name, cancellationToken) is not { } lease) return Results.NoContent();
        var measured = await devices.OfAsync([.. lease.Spec.Quantization.Profiles], cancellationToken);
        return Results.Json(lease with { Measured = measured.Count > 0 ? measured : null }, FleetJson.Default.LeaseResponse);
    }

    private static async Task<IResult> ReportAsync(
        string id, Func<Build, string?> digest, string contentType, IFleetStore store, ArtifactStore artifacts,
        CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Build>(id, cancellationToken) is not { Document: var build }) return Unknown(id);
        return digest(build) is { } sha256
            ? Results.File(artifacts.PathOf(sha256), contentType)
            : Refusal.Conflict($"Build {id} is {build.Status.ToWords()} and has no report.").ToResult();
    }

    private static IResult ViewOf(Answer<Build> answer, int status = StatusCodes.Status200OK)
        => answer.Value is { } build
            ? Results.Json(build.ToView(), FleetJson.Default.BuildView, statusCode: status)
            : answer.Problem!.ToResult();

    private static IResult Unknown(string id) => Refusal.Unknown($"There is no build '{id}'.").ToResult();
}
