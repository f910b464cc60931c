using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Http;

namespace Fleet.Server.Builds;

/// <summary>The part that takes the report of a build.</summary>
internal sealed partial class BuildQueue
{
    /// <summary>Ends a build with its report. The artifacts the report names must have been uploaded.</summary>
    public async Task<Answer<Build>> CompleteAsync(string id, CompleteRequest request, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Build>(id, cancellationToken) is not { Document: var current }) return Unknown(id);
        // The answer to an earlier try may have been lost on the way: saying the same again is not an error.
        if (current.ReportSha256 is not null && current.Lease?.Id == request.LeaseId) return current;
        if (!BuildRules.Holds(current, request.LeaseId, time.GetUtcNow()))
            return Refusal.Conflict(BuildRules.WhyNotHeld(current, request.LeaseId));
        if (ProblemsOf(current, request.Report) is { Count: > 0 } problems) return Refusal.Invalid("The report cannot be taken.", problems);

        var report = await artifacts.StoreAsync(
            JsonSerializer.SerializeToUtf8Bytes(request.Report, FleetJson.Indented.BuildReport), cancellationToken);
        var page = await artifacts.StoreAsync(System.Text.Encoding.UTF8.GetBytes(request.Page), cancellationToken);
        var result = new BuildResult(report, page, BuildRules.WhyNothingToRelease(request.Report));
        var moved = Judge(
            id, request.LeaseId,
            await MoveAsync(id, build => BuildRules.Complete(build, request.LeaseId, result, time.GetUtcNow()), cancellationToken));
        if (moved.Value is { Failure: { } failure }) LogFailed(id, failure);
        else if (moved.Value is { } succeeded)
            LogSucceeded(
                id, succeeded.Spec.Model, request.Report.Variants.Count(variant => variant.Accepted), request.Report.Variants.Count);
        return moved;
    }

    private List<string> ProblemsOf(Build build, BuildReport report)
    {
        var problems = new List<string>();
        if (report.Spec.Model != build.Spec.Model)
            problems.Add($"The report is of model {report.Spec.Model}, the build of {build.Spec.Model}.");
        if (report.Variants.Count is 0 or > Limits.VariantsPerRelease)
            problems.Add($"The report names {report.Variants.Count} variants; 1 to {Limits.VariantsPerRelease} are allowed.");
        foreach (var artifact in report.Variants.Select(variant => variant.Artifact).OfType<ArtifactReference>()
            .Append(report.ValidationSet))
        {
            if (!ArtifactStore.IsDigest(artifact.Sha256))
                problems.Add($"Artifact {artifact.Name} has digest '{artifact.Sha256}', which is not 64 lower-case hexadecimal digits.");
            else if (artifacts.Claim(artifact.Sha256) is not { } length)
                problems.Add($"Artifact {artifact.Name} ({artifact.Sha256}) was not uploaded.");
            else if (length != artifact.Bytes)
                problems.Add($"Artifact {artifact.Name} is said to have {artifact.Bytes:#,0} bytes; {length:#,0} were uploaded.");
        }
        foreach (var variant
            in report.Variants.Where(variant => variant is { Accepted: true } and ({ Artifact: null } or { Scores: null })))
            problems.Add($"Variant {variant.Id} is accepted, but has no {(variant.Artifact is null ? "artifact" : "scores")}.");
        return problems;
    }
}
