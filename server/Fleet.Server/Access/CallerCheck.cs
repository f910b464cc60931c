using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;

namespace Fleet.Server.Access;

/// <summary>Asks again who makes a request that lasts: meanwhile keys are revoked and sessions end.</summary>
internal sealed class CallerCheck(IServiceScopeFactory scopes)
{
    /// <summary>True while what the request carries still proves the same caller, with the same roles and devices.</summary>
    public async Task<bool> IsStillAsync(HttpContext context)
    {
        var services = context.RequestServices;
        await using var scope = scopes.CreateAsyncScope();
        // A request asks once and keeps the answer with its services: others ask anew.
        context.RequestServices = scope.ServiceProvider;
        try
        {
            return await context.AuthenticateAsync() is { Succeeded: true, Principal: { } now } && ClaimsOf(now) == ClaimsOf(context.User);
        }
        finally
        {
            context.RequestServices = services;
        }
    }

    private static string ClaimsOf(ClaimsPrincipal caller)
        => string.Join('\n', caller.Claims.Select(claim => $"{claim.Type} {claim.Value}").Order(StringComparer.Ordinal));
}
