using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>The room of releases: what it registers, and what operators may call.</summary>
internal static class ReleaseEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddReleases(this IServiceCollection services) => services
        .AddDocument("release", ReleasesJson.Default.Release)
        .AddDocument("model", ReleasesJson.Default.Model)
        .AddSingleton<IReleaseEnvelopes, ReleaseEnvelopes>()
        .AddSingleton<IArtifactAccess, AssignedArtifacts>()
        .AddSingleton<IRootObserver, ReleaseSignatures>()
        .AddSingleton<Publisher>();

    /// <summary>Maps <c>/api/v1/releases</c> and <c>/api/v1/models</c>.</summary>
    public static void MapReleases(this IEndpointRouteBuilder operators)
    {
        var releases = operators.MapGroup("/api/v1/releases");
        releases.MapPost("/", CreateAsync).ForOperators();
        releases.MapGet("/", async (string? model, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var active = await store.ActiveReleasesAsync(cancellationToken);
            IReadOnlyList<ReleaseView> views = await store.NewestAsync<Release>(model is null ? "" : $"{model}/", cancellationToken)
                .Select(release => ViewOf(release.Document, active)).ToListAsync(cancellationToken);
            return Results.Json(views, FleetJson.Default.IReadOnlyListReleaseView);
        }).ForViewers();
        releases.MapGet("/{model}/{version:int}", async (string model, int version, IFleetStore store, CancellationToken cancellationToken)
            => await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is { } stored
                ? Results.Json(ViewOf(stored.Document, await store.ActiveReleasesAsync(cancellationToken)), FleetJson.Default.ReleaseView)
                : Refusal.Unknown($"There is no release {model} {version}.").ToResult()).ForViewers();
        operators.MapGet("/api/v1/models", async (IFleetStore store, CancellationToken cancellationToken)
            => Results.Json(await store.ModelViewsAsync(cancellationToken), FleetJson.Default.IReadOnlyListModelView)).ForViewers();
    }

    private static async Task<IResult> CreateAsync(
        HttpRequest request, Publisher publisher, IFleetStore store, CancellationToken cancellationToken)
    {
        var asked = await RequestBody.ReadAsync(request, FleetJson.Strict.CreateReleaseRequest, cancellationToken);
        if (asked.Value is null) return asked.Problem!.ToResult();
        var answer = await publisher.PublishAsync(asked.Value, cancellationToken);
        return answer.Value is { } release
            ? Results.Json(
                ViewOf(release, await store.ActiveReleasesAsync(cancellationToken)), FleetJson.Default.ReleaseView,
                statusCode: StatusCodes.Status201Created)
            : answer.Problem!.ToResult();
    }

    private static ReleaseView ViewOf(Release release, IReadOnlyDictionary<(string, int), int> active) => new()
    {
        Manifest = release.ReadManifest(),
        KeyId = release.KeyId,
        ActiveDevices = active.GetValueOrDefault((release.Model, release.Version)),
    };

    /// <summary>On how many devices each release serves, as they said last.</summary>
    private static async Task<IReadOnlyDictionary<(string Model, int Version), int>> ActiveReleasesAsync(
        this IFleetStore store, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<(string Model, int Version), int>();
        await foreach (var device in store.AllAsync<DeviceReported>("", cancellationToken))
        {
            foreach (var model in device.Document.State.Models)
            {
                if (model.ActiveVersion is { } version)
                    counts[(model.Model, version)] = counts.GetValueOrDefault((model.Model, version)) + 1;
            }
        }
        return counts;
    }
}
