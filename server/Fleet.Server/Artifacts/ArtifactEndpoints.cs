using System.Security.Claims;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Fleet.Server.Artifacts;

/// <summary>The room of artifacts: what it registers, and what operators, workers and devices may fetch or send.</summary>
internal static class ArtifactEndpoints
{
    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddArtifacts(this IServiceCollection services) => services
        .AddDocument("publishedArtifact", ArtifactsJson.Default.PublishedArtifact)
        .AddSingleton(provider => new ArtifactStore(
            Path.Combine(provider.GetRequiredService<FleetOptions>().DataFolder, "artifacts"),
            space: provider.GetRequiredService<FreeSpace>(), time: provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<ArtifactInventory>()
        .AddHostedService(provider => provider.GetRequiredService<ArtifactInventory>())
        .AddSingleton<ArtifactSweep>()
        .AddHostedService(provider => provider.GetRequiredService<ArtifactSweep>());

    /// <summary>Maps the download of every artifact; for whoever reads.</summary>
    public static void MapArtifacts(this IEndpointRouteBuilder operators)
        => operators.MapMethods("/api/v1/artifacts/{sha256}", GetAndHead, (string sha256, ArtifactStore artifacts)
            => ArtifactStore.IsDigest(sha256) && artifacts.LengthOf(sha256) is not null ? FileOf(artifacts, sha256) : Unknown(sha256))
            .ForViewers().TellsFile("GetArtifact", "Downloads an artifact by its digest.", "application/octet-stream");

    /// <summary>Maps the upload of artifacts; the caller has made sure that it is a worker.</summary>
    public static void MapArtifactUpload(this IEndpointRouteBuilder workers)
        => workers.MapPut("/api/v1/worker/artifacts/{sha256}", UploadAsync).WithMetadata(
            new RequestSizeLimitAttribute(Limits.ArtifactBytes + 1))
            .TakesFile("application/octet-stream").TellsNothing(
                "PutArtifact", "Uploads an artifact under its digest; 200 when it was there already.", StatusCodes.Status201Created)
            .Produces(StatusCodes.Status200OK);

    /// <summary>Maps <c>/artifacts/{sha256}</c>; the caller has made sure that it is an enrolled device that is not revoked.</summary>
    public static void MapArtifactDownload(this IEndpointRouteBuilder devices)
        => devices.MapMethods("/artifacts/{sha256}", GetAndHead, DownloadAsync);

    private static async Task<IResult> DownloadAsync(
        string sha256, HttpRequest request, ClaimsPrincipal user, ArtifactStore artifacts, IArtifactAccess access, IArtifactMeter meter,
        CancellationToken cancellationToken)
    {
        var device = DeviceId.Parse(user.FindFirstValue(ClaimTypes.Name));
        // Whatever else there is, a device is told the same of it as of what nobody has uploaded.
        if (!ArtifactStore.IsDigest(sha256) || await access.UseOfAsync(device, sha256, cancellationToken) is not { } use)
            return Unknown(sha256);
        if (HttpMethods.IsHead(request.Method) || artifacts.LengthOf(sha256) is not { } length) return FileOf(artifacts, sha256);
        var grant = await meter.GrantAsync(device, use, MeteredFile.MostBytesOf(request, sha256, length), cancellationToken);
        if (grant.Value is { } granted) return new MeteredFile(FileOf(artifacts, sha256), granted);
        if (grant.Problem!.Status == StatusCodes.Status503ServiceUnavailable)
            request.HttpContext.Response.Headers.RetryAfter = IArtifactMeter.RetrySeconds;
        return grant.Problem.ToResult();
    }

    private static async Task<IResult> UploadAsync(
        string sha256, HttpRequest request, ArtifactStore artifacts, CancellationToken cancellationToken)
    {
        if (!ArtifactStore.IsDigest(sha256))
            return Refusal.Invalid($"'{sha256}' is not a digest: one has 64 lower-case hexadecimal digits.").ToResult();
        if (request.ContentLength > Limits.ArtifactBytes) return TooLarge();
        return await artifacts.StoreAsync(sha256, request.Body, request.ContentLength, cancellationToken) switch
        {
            ArtifactOutcome.Stored => Results.StatusCode(StatusCodes.Status201Created),
            ArtifactOutcome.AlreadyThere => Results.Ok(),
            ArtifactOutcome.TooLarge => TooLarge(),
            _ => Refusal.Invalid($"The bytes sent do not have digest {sha256}: send them again.").ToResult(),
        };
    }

    private static IResult FileOf(ArtifactStore artifacts, string sha256) => Results.File(
        artifacts.PathOf(sha256), "application/octet-stream", enableRangeProcessing: true,
        entityTag: new EntityTagHeaderValue($"\"{sha256}\""));

    private static IResult Unknown(string sha256) => Refusal.Unknown($"There is no artifact '{sha256}'.").ToResult();

    private static IResult TooLarge() => Refusal.TooLarge($"An artifact may have at most {Limits.ArtifactBytes:#,0} bytes.").ToResult();
}
