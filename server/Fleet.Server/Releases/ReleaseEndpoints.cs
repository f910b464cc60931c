using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Mvc;

namespace Fleet.Server.Releases;

/// <summary>The room of releases: what it registers, and what operators may call.</summary>
internal static class ReleaseEndpoints
{
    private const string BundleContent = "application/x-tar";

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddReleases(this IServiceCollection services) => services
        .AddDocument("release", ReleasesJson.Default.Release)
        .AddDocument("model", ReleasesJson.Default.Model)
        .AddSingleton<IReleaseEnvelopes, ReleaseEnvelopes>()
        .AddSingleton<IArtifactAccess, AssignedArtifacts>()
        .AddSingleton<IArtifactNaming, ReleaseNaming>()
        .AddSingleton<IRootObserver, ReleaseSignatures>()
        .AddDocument("withdrawal", ReleasesJson.Default.Withdrawal)
        .AddSingleton<Withdrawals>()
        .AddSingleton<WithdrawnServing>()
        .AddSingleton<IReportedStateObserver>(provider => provider.GetRequiredService<WithdrawnServing>())
        .AddSingleton<IDeviceEnd>(provider => provider.GetRequiredService<WithdrawnServing>())
        .AddSingleton<IDeviceMeasurements, MeasuredVariants>()
        .AddSingleton<Publisher>()
        .AddSingleton<ReleaseBundles>();

    /// <summary>Maps <c>/api/v1/releases</c> and <c>/api/v1/models</c>.</summary>
    public static void MapReleases(this IEndpointRouteBuilder operators)
    {
        var releases = operators.MapGroup("/api/v1/releases");
        releases.MapPost("/", CreateAsync).ForOperators().Takes<CreateReleaseRequest>()
            .Tells<ReleaseView>("CreateRelease", "Signs the accepted variants of a build as a release.", StatusCodes.Status201Created);
        releases.MapPost("/preview", PreviewAsync).ForOperators().Takes<CreateReleaseRequest>().WithMetadata(new ChangesNothing())
            .Tells<ReleasePreview>("PreviewRelease", "Shows what would be signed of a build, and signs nothing.");
        releases.MapGet("/", async (
            string? model, [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store,
            CancellationToken cancellationToken) =>
        {
            var inUse = await ReleasesInUse.ReadAsync(store, caller, cancellationToken);
            IReadOnlyList<ReleaseView> views = await store.NewestAsync<Release>(model is null ? "" : $"{model}/", cancellationToken)
                .Select(release => inUse.ViewOf(release.Document)).ToListAsync(cancellationToken);
            return Paging.PageOf(
                context, page, views, view => Release.IdOf(view.Manifest.Model, view.Manifest.Version),
                FleetJson.Default.IReadOnlyListReleaseView);
        }).ForViewers().Tells<IReadOnlyList<ReleaseView>>("ListReleases", "Lists releases, the newest first.");
        releases.MapGet("/{model}/{version:int}", async (
            string model, int version, Caller caller, IFleetStore store, CancellationToken cancellationToken)
            => await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is { } stored
                ? await ViewAsync(stored.Document, caller, store, cancellationToken)
                : Unknown(model, version)).ForViewers().Tells<ReleaseView>("GetRelease", "Shows a release.");
        releases.MapPost("/{model}/{version:int}/withdraw", WithdrawAsync).ForOperators()
            .Tells<ReleaseView>(
                "WithdrawRelease", "Withdraws a release for good: nothing is moved to it any more, and devices let go of it.");
        releases.MapGet("/{model}/{version:int}/bundle", ExportAsync).ForOperators()
            .TellsFile(
                "ExportRelease", "Writes a release as one file that others can verify, with an order to the device that is named.",
                BundleContent);
        releases.MapPost("/bundles", ImportAsync).ForOperators().WithMetadata(new RequestSizeLimitAttribute(BundleFormat.MaximumBytes))
            .TakesFile(BundleContent).Tells<ReleaseView>("ImportRelease", "Takes in a release that was exported as a file.");
        operators.MapGet("/api/v1/models", async (
            [AsParameters] PageQuery page, HttpContext context, IFleetStore store, CancellationToken cancellationToken)
            => Paging.PageOf(
                context, page, await store.ModelViewsAsync(cancellationToken), view => view.Name,
                FleetJson.Default.IReadOnlyListModelView)).ForViewers()
            .Tells<IReadOnlyList<ModelView>>("ListModels", "Lists models with their builds and releases.");
    }

    private static async Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, Publisher publisher, IFleetStore store, CancellationToken cancellationToken)
    {
        var asked = await RequestBody.ReadAsync(request, FleetJson.Strict.CreateReleaseRequest, cancellationToken);
        if (asked.Value is null) return asked.Problem!.ToResult();
        var answer = await publisher.PublishAsync(asked.Value, cancellationToken);
        return answer.Value is { } release
            ? Results.Json(
                (await ReleasesInUse.ReadAsync(store, caller, cancellationToken)).ViewOf(release), FleetJson.Default.ReleaseView,
                statusCode: StatusCodes.Status201Created)
            : answer.Problem!.ToResult();
    }

    private static async Task<IResult> PreviewAsync(HttpRequest request, Publisher publisher, CancellationToken cancellationToken)
    {
        var asked = await RequestBody.ReadAsync(request, FleetJson.Strict.CreateReleaseRequest, cancellationToken);
        return asked.Value is null
            ? asked.Problem!.ToResult()
            : (await publisher.PreviewAsync(asked.Value, cancellationToken)).ToResult(FleetJson.Default.ReleasePreview);
    }

    private static async Task<IResult> ExportAsync(
        string model, int version, string? device, Caller caller, ReleaseBundles bundles, OrderedStates states, FleetKeys keys,
        IFleetStore store, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is not { Document: var release })
            return Unknown(model, version);
        if (release.WithdrawnAt is { } withdrawn)
            return Refusal.Conflict($"Release {model} {version} was withdrawn at {withdrawn:u}: it is carried nowhere.").ToResult();
        var order = device is null ? null : await OrderAsync(release, device, caller, states, store, cancellationToken);
        if (order?.Problem is { } problem) return problem.ToResult();
        if (bundles.MissingOf(release) is { Count: > 0 } missing)
            return Refusal.Conflict($"Artifacts of release {model} {version} are missing on the server.", missing).ToResult();
        return bundles.SignatureOf(release, order?.Value) is { } signature
            ? Results.Stream(output => bundles.WriteAsync(release, signature, order?.Value, output, cancellationToken), BundleContent)
            : Refusal.Conflict("Nothing was exported.", keys.Problems()).ToResult();
    }

    /// <summary>What a device is told when it is connected, for one that never is.</summary>
    private static async Task<Answer<byte[]>> OrderAsync(
        Release release, string device, Caller caller, OrderedStates states, IFleetStore store, CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(caller, device, cancellationToken) is not { Document.Id: var id })
            return Refusal.Unknown($"There is no device {device}.");
        var (state, problem) = await states.OfAsync(id, cancellationToken);
        if (state is null) return Refusal.Conflict($"Device {device} cannot be ordered anything: {problem}");
        if (!state.Assignments.Any(one => (one.Model, one.Version) == (release.Model, release.Version)))
            return Refusal.Conflict($"Device {device} should not run {release.Model} {release.Version}: a target or a pin says so first.");
        return JsonSerializer.SerializeToUtf8Bytes(state, FleetJson.Default.DesiredState);
    }

    private static async Task<IResult> ImportAsync(
        HttpRequest request, Caller caller, ReleaseBundles bundles, IFleetStore store, CancellationToken cancellationToken)
    {
        var answer = await bundles.ReadAsync(request.Body, cancellationToken);
        return answer.Value is { } release ? await ViewAsync(release, caller, store, cancellationToken) : answer.Problem!.ToResult();
    }

    private static async Task<IResult> WithdrawAsync(
        string model, int version, bool? keepServing, Caller caller, Withdrawals withdrawals, IFleetStore store,
        CancellationToken cancellationToken)
    {
        // Devices that the caller does not see are to serve it as well.
        if (caller.WhyNot(DeviceFilter.All) is { } reason) return Refusal.Forbidden(reason).ToResult();
        var answer = await withdrawals.WithdrawAsync(model, version, keepServing ?? false, cancellationToken);
        return answer.Value is { } withdrawn ? await ViewAsync(withdrawn, caller, store, cancellationToken) : answer.Problem!.ToResult();
    }

    private static async Task<IResult> ViewAsync(Release release, Caller caller, IFleetStore store, CancellationToken cancellationToken)
        => Results.Json((await ReleasesInUse.ReadAsync(store, caller, cancellationToken)).ViewOf(release), FleetJson.Default.ReleaseView);

    private static IResult Unknown(string model, int version) => Refusal.Unknown($"There is no release {model} {version}.").ToResult();
}
