using System.Security.Claims;
using Fleet.Contracts.Devices;
using Fleet.Server.Http;

namespace Fleet.Server.Access;

/// <summary>What the claims of a provider make of a person here. Pure.</summary>
internal static class OpenIdCallers
{
    /// <summary>Before each name, so that nobody is taken for the owner of an API key.</summary>
    public const string Prefix = "oidc/";

    /// <summary>What the claim of the filter says of somebody who sees all devices: nothing at all may be a mistake.</summary>
    private const string AllDevices = "*";

    private const int LongestName = 200;

    /// <summary>Who it is and what the person may do; or why nothing.</summary>
    public static (Caller? Caller, string Problem) Of(ClaimsPrincipal user, AccessOptions options)
    {
        if (user.FindFirstValue(options.OpenIdNameClaim) is not { Length: > 0 and <= LongestName } name)
            return (null, $"The provider of identities did not say who it is (claim '{options.OpenIdNameClaim}').");
        var byClaim = options.RolesByClaim;
        string[] roles = [.. user.FindAll(options.OpenIdRoleClaim).Select(claim => byClaim.GetValueOrDefault(claim.Value)).OfType<string>()
            .Distinct()];
        if (roles.Length == 0) return (null, $"'{name}' has no role here (claim '{options.OpenIdRoleClaim}').");
        if (options.OpenIdFilterClaim is not { } claim || roles.Contains(Roles.Admin) || user.FindFirstValue(claim) == AllDevices)
            return (new Caller(Prefix + name, roles, DeviceFilter.All), "");
        if (!DeviceFilter.TryParse(user.FindFirstValue(claim), out var filter, out var problem)) return (null, problem);
        return filter.Terms.Count > 0
            ? (new Caller(Prefix + name, roles, filter), "")
            : (null, $"The provider of identities did not say which devices '{name}' may see (claim '{claim}'; '{AllDevices}' for all).");
    }
}
