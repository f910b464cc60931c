using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Fleet.Server.Settings;

namespace Fleet.Server.Artifacts;

/// <summary>What operators may ask about the artifacts that are stored, and the sweep of those that nothing uses.</summary>
internal static class SweepEndpoints
{
    /// <summary>Most artifacts that the answer to a sweep names.</summary>
    private const int MostNamed = 1000;

    /// <summary>Maps the list of artifacts and their sweep.</summary>
    public static void MapArtifactSweep(this IEndpointRouteBuilder operators)
    {
        operators.MapGet("/api/v1/artifacts", ListAsync).ForViewers()
            .Tells<IReadOnlyList<ArtifactView>>("ListArtifacts", "Lists stored artifacts and who uses them, in order of digest.");
        operators.MapPost("/api/v1/artifacts/sweep", SweepAsync).ForAdmins().Takes<SweepRequest>()
            .Tells<SweepView>("SweepArtifacts", "Removes artifacts that no release and no build has used for a time, or tells which.");
    }

    private static async Task<IResult> ListAsync(
        bool? unused, [AsParameters] PageQuery page, HttpContext context, ArtifactSweep sweep, FleetOptions options,
        CancellationToken cancellationToken)
    {
        if (page.After is { } after && !ArtifactStore.IsDigest(after))
            return Refusal.Invalid($"after '{after}' is not a digest: one has 64 lower-case hexadecimal digits.").ToResult();
        IReadOnlyList<ArtifactView> views =
        [
            .. (await sweep.LookAsync(cancellationToken))
                .Where(seen => string.CompareOrdinal(seen.File.Sha256, page.After) > 0
                    && (unused is null || seen.Uses is null == unused))
                .Take(page.Size + 1).Select(seen => ViewOf(seen, options.UnusedArtifactsKept)),
        ];
        return Paging.Answer(context, views, page, view => view.Sha256, FleetJson.Default.IReadOnlyListArtifactView);
    }

    private static async Task<IResult> SweepAsync(
        HttpRequest request, Caller caller, ArtifactSweep sweep, FleetOptions options, CancellationToken cancellationToken)
    {
        var asked = await RequestBody.ReadAsync(request, FleetJson.Strict.SweepRequest, cancellationToken);
        if (asked.Value is not { } wanted) return asked.Problem!.ToResult();
        var grace = wanted.UnusedFor ?? options.UnusedArtifactsKept;
        if (grace < SweepRules.ShortestGrace)
            return Refusal.Invalid(
                $"unusedFor {grace} must be at least {SweepRules.ShortestGrace}: what runs now may name what it uploads.").ToResult();
        if (grace > SweepRules.LongestGrace)
            return Refusal.Invalid($"unusedFor {grace} must be at most {SweepRules.LongestGrace}.").ToResult();
        var result = await sweep.SweepAsync(grace, caller.Name, wanted.DryRun, cancellationToken);
        return Results.Json(ViewOf(result, grace, wanted.DryRun), FleetJson.Default.SweepView);
    }

    private static SweepView ViewOf(SweepResult result, TimeSpan grace, bool dryRun)
    {
        SeenArtifact[] kept = [.. result.Seen.Except(result.Gone)];
        SeenArtifact[] unused = [.. kept.Where(seen => seen.Uses is null)];
        return new SweepView(
            result.Gone.Count, BytesOf(result.Gone), kept.Length, BytesOf(kept), unused.Length, BytesOf(unused), dryRun)
        {
            Artifacts = [.. result.Gone.Take(MostNamed).Select(seen => ViewOf(seen, grace))],
            MoreArtifacts = Math.Max(0, result.Gone.Count - MostNamed),
        };
    }

    private static ArtifactView ViewOf(SeenArtifact seen, TimeSpan grace) => new(
        seen.File.Sha256, seen.File.Bytes, seen.File.WrittenAt, seen.Uses?.Name, seen.Uses?.Count ?? 0, seen.UnusedSince,
        seen.UnusedSince + grace, seen.HeldBy)
    {
        UsedBy = seen.Uses?.First ?? [],
    };

    private static long BytesOf(IReadOnlyList<SeenArtifact> seen) => seen.Sum(one => one.File.Bytes);
}
