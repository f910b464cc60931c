namespace Fleet.Contracts.Http;

/// <summary>GET /health: what answers without a key.</summary>
/// <param name="Status"><c>ok</c> with status 200, or <c>troubled</c> with status 503 while something does not work.</param>
/// <param name="Version">Version of the server.</param>
/// <param name="Protocol">Newest protocol it speaks.</param>
public sealed record HealthResponse(string Status, string Version, int Protocol)
{
    /// <summary>What does not work now, a sentence each.</summary>
    public IReadOnlyList<string> Problems { get; set; } = [];
}
