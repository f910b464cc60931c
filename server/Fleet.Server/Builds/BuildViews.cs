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
        StartedAt = build.StartedAt,
        FinishedAt = build.FinishedAt,
        HasReport = build.ReportSha256 is not null,
        Attempts = build.Attempts,
        Worker = build.Lease?.Worker,
    };
}
