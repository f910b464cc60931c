namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/models: one model with where its releases came from.</summary>
public sealed record ModelView
{
    /// <summary>Model name.</summary>
    public required string Name { get; init; }

    /// <summary>Number of its newest release; 0 before the first.</summary>
    public int LatestVersion { get; init; }

    /// <summary>Its releases, newest first.</summary>
    public IReadOnlyList<ModelVersionView> Versions { get; set; } = [];

    /// <summary>Builds of it: waiting, running and ended.</summary>
    public int Builds { get; init; }
}

/// <summary>One version of a model and its lineage.</summary>
/// <param name="Version">Release number.</param>
/// <param name="Build">The build it came from.</param>
/// <param name="CreatedAt">When it was signed.</param>
/// <param name="ExpiresAt">After this moment no device newly trusts it.</param>
/// <param name="Teacher">The teacher, as the spec names it.</param>
/// <param name="Student">The student, as the spec names it.</param>
/// <param name="Variants">Ids of its variants.</param>
public sealed record ModelVersionView(
    int Version, string Build, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, string Teacher, string Student,
    IReadOnlyList<string> Variants);
