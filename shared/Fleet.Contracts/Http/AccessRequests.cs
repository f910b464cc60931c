namespace Fleet.Contracts.Http;

/// <summary>POST /api/v1/api-keys: asks for a key.</summary>
/// <param name="Name">Whose it is: a person or a program. The audit trail names it.</param>
/// <param name="Roles">What it may do: <c>viewer</c>, <c>operator</c>, <c>approver</c>, <c>admin</c>, or <c>worker</c> alone.</param>
/// <param name="Filter">The devices it sees and changes; all, where it is absent.</param>
/// <param name="ValidFor">How long it is accepted; for ever, where it is absent.</param>
public sealed record CreateApiKeyRequest(string Name, IReadOnlyList<string> Roles, string? Filter = null, TimeSpan? ValidFor = null);

/// <summary>The answer: the only time the key itself is shown.</summary>
/// <param name="Id">Names it from now on.</param>
/// <param name="Key">The key.</param>
/// <param name="ExpiresAt">When it stops being accepted; null for never.</param>
public sealed record CreateApiKeyResponse(string Id, string Key, DateTimeOffset? ExpiresAt = null);

/// <summary>GET /api/v1/api-keys: a key without its secret.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Whose it is.</param>
/// <param name="Roles">What it may do.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record ApiKeyView(string Id, string Name, IReadOnlyList<string> Roles, DateTimeOffset CreatedAt)
{
    /// <summary>The devices it is limited to; empty for all.</summary>
    public string Filter { get; set; } = "";

    /// <summary>When it stops being accepted; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>True when an admin withdrew it.</summary>
    public bool Revoked { get; set; }

    /// <summary>When it was last used, to ten minutes; null when it never was.</summary>
    public DateTimeOffset? LastUsedAt { get; set; }
}

/// <summary>GET /api/v1/sessions: somebody who is signed in to the pages.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Who it is: <c>oidc/NAME</c> where a provider of identities vouched.</param>
/// <param name="Roles">What the person may do.</param>
/// <param name="CreatedAt">When the person signed in.</param>
/// <param name="EndsAt">When the session ends.</param>
public sealed record SessionView(
    string Id, string Name, IReadOnlyList<string> Roles, DateTimeOffset CreatedAt, DateTimeOffset EndsAt)
{
    /// <summary>The devices the person is limited to; empty for all.</summary>
    public string Filter { get; set; } = "";

    /// <summary>Id of the API key it was opened with, and ends with; null where a provider of identities vouched.</summary>
    public string? ApiKey { get; set; }
}
