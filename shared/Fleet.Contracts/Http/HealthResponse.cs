namespace Fleet.Contracts.Http;

/// <summary>GET /health: what answers without a key, and says more to whoever sees all devices.</summary>
/// <param name="Status"><c>ok</c> with status 200, or <c>troubled</c> with status 503 while something does not work.</param>
/// <param name="Protocol">Newest protocol it speaks.</param>
public sealed record HealthResponse(string Status, int Protocol)
{
    /// <summary>Version of the server; null where no key was shown.</summary>
    public string? Version { get; init; }

    /// <summary>What does not work now, a sentence each; empty where no key was shown.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}
