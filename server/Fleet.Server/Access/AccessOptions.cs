using System.ComponentModel;
using System.Text;
using Fleet.Server.Http;
using Fleet.Server.Settings;

namespace Fleet.Server.Access;

/// <summary>Settings of who may call and how people sign in, section <c>Fleet:Access</c>.</summary>
internal sealed record AccessOptions : IRoomSettings
{
    string IRoomSettings.Section => "Fleet:Access";

    [Description("How long a person stays signed in to the pages.")]
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromHours(12);

    [Description("Address of a provider of identities that speaks OpenID Connect. Unset, people sign in with API keys alone.")]
    public string? OpenIdAuthority { get; init; }

    [Description("What the provider calls this server. Its redirect address there is https://HOST:PORT/login/openid.")]
    public string? OpenIdClient { get; init; }

    [Description("File with the secret that the provider gave this server. Unset for a public client.")]
    public string? OpenIdSecretFile { get; init; }

    [Description("What bearer tokens of the provider must be made for. Unset, programs call with API keys alone.")]
    public string? OpenIdAudience { get; init; }

    [Description("Claim that names a person in the audit trail.")]
    public string OpenIdNameClaim { get; init; } = "sub";

    [Description("Claim that says what a person may do.")]
    public string OpenIdRoleClaim { get; init; } = "roles";

    [Description("Which value of that claim gives which role, such as fleet-admins=admin,line-3=operator. Unset, the values are roles.")]
    public string? OpenIdRoles { get; init; }

    [Description("Claim with the filter of the devices a person is limited to; * for all. Unset, nobody who signs in so is limited.")]
    public string? OpenIdFilterClaim { get; init; }

    [Description("How long the provider may take to answer. After it, whoever came is told that it cannot be reached (503).")]
    public TimeSpan OpenIdPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>True when programs may call with tokens of the provider.</summary>
    public bool TakesTokens => OpenIdAuthority is not null && OpenIdAudience is not null;

    /// <summary>Which value of the claim gives which role.</summary>
    public IReadOnlyDictionary<string, string> RolesByClaim
        => OpenIdRoles is null
            ? OfPeople.ToDictionary(role => role)
            : Terms.Where(term => term.Length == 2).DistinctBy(term => term[0]).ToDictionary(term => term[0], term => term[1]);

    /// <summary>
    /// Changes with what is said of the provider, of roles and of filters: who was let in by other words comes in anew. Null without one.
    /// </summary>
    public string? ProviderMark()
    {
        if (OpenIdAuthority is null) return null;
        string?[] settings = [OpenIdAuthority, OpenIdClient, OpenIdNameClaim, OpenIdRoleClaim, OpenIdRoles, OpenIdFilterClaim];
        return ApiKey.HashOf(string.Join(' ', settings.Select(setting => Convert.ToBase64String(Encoding.UTF8.GetBytes(setting ?? "")))));
    }

    private static IEnumerable<string> OfPeople => Roles.OfKeys.Except([Roles.Worker]);

    private IEnumerable<string[]> Terms
        => (OpenIdRoles ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(
            term => term.Split('=', StringSplitOptions.TrimEntries));

    /// <inheritdoc/>
    public IRoomSettings WithWholePaths()
        => OpenIdSecretFile is { Length: > 0 } file ? this with { OpenIdSecretFile = Path.GetFullPath(file) } : this;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var rules = new SettingsRules("Fleet:Access");
        rules.Within(nameof(SessionLifetime), SessionLifetime, TimeSpan.FromMinutes(1), TimeSpan.FromDays(30));
        rules.Within(nameof(OpenIdPatience), OpenIdPatience, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        if (OpenIdAuthority is null) return rules.Problems;
        rules.Require(
            Uri.TryCreate(OpenIdAuthority, UriKind.Absolute, out var authority)
                && (authority.Scheme == Uri.UriSchemeHttps || (authority.Scheme == Uri.UriSchemeHttp && authority.IsLoopback)),
            nameof(OpenIdAuthority), $"'{OpenIdAuthority}' must be an https address, or http on this machine");
        rules.Require(!string.IsNullOrWhiteSpace(OpenIdClient), nameof(OpenIdClient), "must say what the provider calls this server");
        rules.Require(
            OpenIdSecretFile is null || File.Exists(OpenIdSecretFile), nameof(OpenIdSecretFile), $"'{OpenIdSecretFile}' must exist");
        // Else a token that only says who somebody is would be taken for one that lets a program act.
        rules.Require(
            OpenIdAudience is null || OpenIdAudience != OpenIdClient, nameof(OpenIdAudience), "must differ from Fleet:Access:OpenIdClient");
        rules.Require(
            Terms.All(term => term.Length == 2 && OfPeople.Contains(term[1])), nameof(OpenIdRoles),
            $"'{OpenIdRoles}' must be VALUE=ROLE joined by commas, each role one of {string.Join(", ", OfPeople)}");
        return rules.Problems;
    }
}
