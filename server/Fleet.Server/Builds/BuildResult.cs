namespace Fleet.Server.Builds;

/// <summary>What a worker brought.</summary>
/// <param name="ReportSha256">Digest of the report.</param>
/// <param name="PageSha256">Digest of the report as a page.</param>
/// <param name="Failure">Why nothing of it can be released; null when something can.</param>
internal sealed record BuildResult(string ReportSha256, string PageSha256, string? Failure = null);
