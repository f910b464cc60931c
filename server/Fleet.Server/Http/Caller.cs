using System.Security.Claims;
using Fleet.Contracts.Devices;

namespace Fleet.Server.Http;

/// <summary>Who makes a request of the operators' API: endpoints take it as a parameter.</summary>
/// <param name="Name">The person or program, as its key or its sign-in names it.</param>
/// <param name="Roles">What it may do; see <see cref="Http.Roles"/>.</param>
/// <param name="Devices">The devices it sees and changes; <see cref="DeviceFilter.All"/> where it is not limited.</param>
internal sealed record Caller(string Name, IReadOnlyCollection<string> Roles, DeviceFilter Devices)
{
    /// <summary>The claim that holds the filter of <see cref="Devices"/>.</summary>
    public const string FilterClaim = "fleet:filter";

    /// <summary>The claim that holds the id of the key or the session that proved the caller.</summary>
    public const string ProofClaim = "fleet:proof";

    /// <summary>True when it sees some devices only.</summary>
    public bool IsLimited => Devices.Terms.Count > 0;

    /// <summary>Whom a request was proved to come from.</summary>
    public static Caller Of(ClaimsPrincipal user) => new(
        user.FindFirstValue(ClaimTypes.Name) ?? "",
        [.. user.FindAll(ClaimTypes.Role).Select(claim => claim.Value)],
        DeviceFilter.TryParse(user.FindFirstValue(FilterClaim), out var filter, out _)
            ? filter
            : throw new InvalidDataException("The device filter of the caller cannot be read."));

    /// <summary>Makes it a parameter of endpoints.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context) => ValueTask.FromResult(Of(context.User));

    /// <summary>The claims that say all of this.</summary>
    public ClaimsIdentity ToIdentity(string scheme, string proof) => new(
        [
            new Claim(ClaimTypes.Name, Name), new Claim(ProofClaim, proof), new Claim(FilterClaim, Devices.ToString()),
            .. Roles.Select(role => new Claim(ClaimTypes.Role, role)),
        ], scheme);

    /// <summary>
    /// Why it may not act on whatever <paramref name="filter"/> selects, now and later; null when it may. For what changes many
    /// devices at once: a rollout, a target.
    /// </summary>
    public string? WhyNot(DeviceFilter filter) => Devices.Covers(filter)
        ? null
        : $"'{Name}' may change devices of '{Devices}' alone: a filter must hold its terms.";
}
