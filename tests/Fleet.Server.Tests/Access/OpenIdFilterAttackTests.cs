using System.Security.Claims;
using Fleet.Server.Access;
using Fleet.Server.Http;

namespace Fleet.Server.Tests.Access;

/// <summary>
/// Found in review: who signed in with no value in the claim of the filter was an operator of the whole fleet, though the setting is there
/// to limit people.
/// </summary>
public sealed class OpenIdFilterAttackTests
{
    private static readonly AccessOptions Options = new() { OpenIdFilterClaim = "fleet_filter" };

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" , ")]
    public void Person_of_whom_the_provider_does_not_say_which_devices_is_not_let_in(string? claim)
    {
        var (caller, problem) = OpenIdCallers.Of(Person(claim, Roles.Operator), Options);
        Assert.Null(caller);
        Assert.Contains("did not say which devices 'anna' may see (claim 'fleet_filter'", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("label.site=berlin", Roles.Operator, "label.site=berlin")]
    [InlineData("*", Roles.Operator, "")]
    [InlineData(null, Roles.Admin, "")]
    public void Person_sees_what_the_provider_says_and_an_admin_everything(string? claim, string role, string filter)
        => Assert.Equal(filter, OpenIdCallers.Of(Person(claim, role), Options).Caller!.Devices.ToString());

    [Fact]
    public void Nobody_is_limited_where_no_claim_is_named()
        => Assert.False(OpenIdCallers.Of(Person("label.site=berlin", Roles.Viewer), new AccessOptions()).Caller!.IsLimited);

    private static ClaimsPrincipal Person(string? filter, string role)
    {
        var identity = new ClaimsIdentity([new Claim("sub", "anna"), new Claim("roles", role)]);
        if (filter is not null) identity.AddClaim(new Claim("fleet_filter", filter));
        return new ClaimsPrincipal(identity);
    }
}
