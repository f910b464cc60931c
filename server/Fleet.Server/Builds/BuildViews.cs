using Fleet.Contracts.Http;

namespace Fleet.Server.Builds;

/// <summary>Builds as operators see them.</summary>
internal static class BuildViews
{
    /// <summary>A build.</summary>
    public static BuildView ToView(this Build build) => new()
    {
        Id = build.Id,
        Model = build.Spec.Model,
        Status = build.Status,
        Progress = build.Progress,
        Failure = build.Failure,
        CreatedAt = build.CreatedAt,
        FinishedAt = build.FinishedAt,
        Attempts = build.Attempts,
        Worker = build.Lease?.Worker,
    };
}
