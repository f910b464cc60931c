using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Server.Devices;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Fleet.Server.Releases;

/// <summary>The room of releases: what it registers, and what operators, workers and devices may call.</summary>
internal static class ReleaseEndpoints
{
    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Registers the room. The signing key is made at the first start.</summary>
    public static IServiceCollection AddReleases(this IServiceCollection services) => services
        .AddDocument("release", ReleasesJson.Default.Release)
        .AddDocument("model", ReleasesJson.Default.Model)
        .AddDocument("publishedArtifact", ReleasesJson.Default.PublishedArtifact)
        .AddSingleton(provider => new ArtifactStore(Path.Combine(provider.GetRequiredService<FleetOptions>().DataFolder, "artifacts")))
        .AddSingleton(provider => SigningKey.OpenOrCreate(Path.Combine(provider.GetRequiredService<FleetOptions>().DataFolder, "keys", "release.key")))
        .AddSingleton(provider => provider.GetRequiredService<SigningKey>().Public)
        .AddSingleton<IReleaseEnvelopes, ReleaseEnvelopes>()
        .AddSingleton<Publisher>();

    /// <summary>Maps <c>/api/v1/releases</c> and the download of every artifact; the caller has made sure that it is an operator who calls.</summary>
    public static void MapReleases(this IEndpointRouteBuilder operators)
    {
        var releases = operators.MapGroup("/api/v1/releases");
        releases.MapPost("/", async (HttpRequest request, Publisher publisher, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var asked = await RequestBody.ReadAsync(request, FleetJson.Strict.CreateReleaseRequest, cancellationToken);
            if (asked.Value is null) return asked.Problem!.ToResult();
            var answer = await publisher.PublishAsync(asked.Value, cancellationToken);
            return answer.Value is { } release
                ? Results.Json(ViewOf(release, await store.ActiveReleasesAsync(cancellationToken)), FleetJson.Default.ReleaseView, statusCode: StatusCodes.Status201Created)
                : answer.Problem!.ToResult();
        });
        releases.MapGet("/", async (string? model, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var active = await store.ActiveReleasesAsync(cancellationToken);
            IReadOnlyList<ReleaseView> views = await store.NewestAsync<Release>(model is null ? "" : $"{model}/", cancellationToken)
                .Select(release => ViewOf(release.Document, active)).ToListAsync(cancellationToken);
            return Results.Json(views, FleetJson.Default.IReadOnlyListReleaseView);
        });
        releases.MapGet("/{model}/{version:int}", async (string model, int version, IFleetStore store, CancellationToken cancellationToken)
            => await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is { } stored
                ? Results.Json(ViewOf(stored.Document, await store.ActiveReleasesAsync(cancellationToken)), FleetJson.Default.ReleaseView)
                : Refusal.Unknown($"There is no release {model} {version}.").ToResult());
        operators.MapMethods("/api/v1/artifacts/{sha256}", GetAndHead, (string sha256, ArtifactStore artifacts)
            => ArtifactStore.IsDigest(sha256) && artifacts.LengthOf(sha256) is not null ? FileOf(artifacts, sha256) : Unknown(sha256));
    }

    /// <summary>Maps the upload of artifacts; the caller has made sure that it is a worker.</summary>
    public static void MapArtifactUpload(this IEndpointRouteBuilder workers)
        => workers.MapPut("/api/v1/worker/artifacts/{sha256}", UploadAsync).WithMetadata(new RequestSizeLimitAttribute(Limits.ArtifactBytes + 1));

    /// <summary>Maps <c>/artifacts/{sha256}</c>; the caller has made sure that it is an enrolled device that is not revoked.</summary>
    public static void MapArtifactDownload(this IEndpointRouteBuilder devices)
        => devices.MapMethods("/artifacts/{sha256}", GetAndHead, async (string sha256, ArtifactStore artifacts, IFleetStore store, CancellationToken cancellationToken)
            // Builds upload more than is ever released: devices get what a release names.
            => ArtifactStore.IsDigest(sha256) && await store.FindAsync<PublishedArtifact>(sha256, cancellationToken) is not null ? FileOf(artifacts, sha256) : Unknown(sha256));

    private static async Task<IResult> UploadAsync(string sha256, HttpRequest request, ArtifactStore artifacts, CancellationToken cancellationToken)
    {
        if (!ArtifactStore.IsDigest(sha256)) return Refusal.Invalid($"'{sha256}' is no digest: 64 lower-case hexadecimal digits are.").ToResult();
        if (request.ContentLength > Limits.ArtifactBytes) return TooLarge();
        return await artifacts.StoreAsync(sha256, request.Body, cancellationToken) switch
        {
            ArtifactOutcome.Stored => Results.StatusCode(StatusCodes.Status201Created),
            ArtifactOutcome.AlreadyThere => Results.Ok(),
            ArtifactOutcome.TooLarge => TooLarge(),
            _ => Refusal.Invalid($"The bytes sent do not have digest {sha256}: send them again.").ToResult(),
        };
    }

    private static IResult FileOf(ArtifactStore artifacts, string sha256) => Results.File(
        artifacts.PathOf(sha256), "application/octet-stream", enableRangeProcessing: true, entityTag: new EntityTagHeaderValue($"\"{sha256}\""));

    private static ReleaseView ViewOf(Release release, IReadOnlyDictionary<(string, int), int> active) => new()
    {
        Manifest = release.ReadManifest(),
        KeyId = release.KeyId,
        ActiveDevices = active.GetValueOrDefault((release.Model, release.Version)),
    };

    /// <summary>On how many devices each release serves, as they said last.</summary>
    private static async Task<IReadOnlyDictionary<(string Model, int Version), int>> ActiveReleasesAsync(this IFleetStore store, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<(string Model, int Version), int>();
        await foreach (var device in store.AllAsync<DeviceReported>("", cancellationToken))
        {
            foreach (var model in device.Document.State.Models)
            {
                if (model.ActiveVersion is { } version) counts[(model.Model, version)] = counts.GetValueOrDefault((model.Model, version)) + 1;
            }
        }
        return counts;
    }

    private static IResult Unknown(string sha256) => Refusal.Unknown($"There is no artifact '{sha256}'.").ToResult();

    private static IResult TooLarge() => Refusal.TooLarge($"An artifact has at most {Limits.ArtifactBytes} bytes.").ToResult();
}
