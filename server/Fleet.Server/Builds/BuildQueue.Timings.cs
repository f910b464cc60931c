using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Builds;

/// <summary>The part that judges what a worker has a device time.</summary>
internal sealed partial class BuildQueue
{
    /// <summary>The device that a leased build may ask: the one that its spec names, and no other.</summary>
    public async Task<Answer<string>> TimedOnAsync(string id, TimingRequest request, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Build>(id, cancellationToken) is not { Document: var build }) return Unknown(id);
        if (!BuildRules.Holds(build, request.LeaseId, time.GetUtcNow()))
            return Refusal.Conflict(BuildRules.WhyNotHeld(build, request.LeaseId));
        if (build.Spec.Student?.Budget?.Device is not { } device)
            return Refusal.Invalid($"The spec of build {id} names no device in student.budget.device.");
        return ProblemsOf(request) is { Count: > 0 } problems ? Refusal.Invalid("The files cannot be timed.", problems) : device;
    }

    private List<string> ProblemsOf(TimingRequest request)
    {
        if (request.Files.Count is 0 or > Limits.TimingsPerOrder)
            return [$"The request names {request.Files.Count} files; 1 to {Limits.TimingsPerOrder} are allowed."];
        var problems = request.Files.Select(file => file.Problem()).OfType<string>().ToList();
        if (problems.Count > 0) return problems;
        foreach (var artifact in request.Files.SelectMany(file => new[] { file.Model, file.Samples }))
        {
            if (artifacts.Claim(artifact.Sha256) is var length && length != artifact.Bytes)
                problems.Add($"Artifact {artifact.Name} ({artifact.Sha256}) of {artifact.Bytes:#,0} bytes was not uploaded.");
        }
        return problems;
    }
}
