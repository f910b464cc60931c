using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Access;

/// <summary>What whoever is not let in is told: a program in a problem, a person by the page to sign in at.</summary>
internal static class SignIn
{
    /// <summary>The page to sign in at.</summary>
    public const string Path = "/login";

    /// <summary>Asks who is there.</summary>
    public static Task ChallengeAsync(HttpContext context, ApiProblem problem)
    {
        if (problem.Status == StatusCodes.Status401Unauthorized && HttpMethods.IsGet(context.Request.Method)
            && IProblemPage.IsAskedFor(context.Request))
        {
            var wanted = context.Request.Path + context.Request.QueryString;
            context.Response.Redirect(wanted == "/" ? Path : $"{Path}{QueryString.Create("return", wanted)}");
            return Task.CompletedTask;
        }
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return problem.ToResult().ExecuteAsync(context);
    }

    /// <summary>Says what is missing to whoever is known.</summary>
    public static Task ForbidAsync(HttpContext context)
    {
        var caller = Caller.Of(context.User);
        var needed = Roles.ThatPass(context.GetEndpoint()?.Metadata.GetMetadata<RoleStatement>()?.Role ?? Roles.Admin);
        return Refusal.Forbidden(
            $"'{caller.Name}' has the role {string.Join(" and ", caller.Roles)}; {context.Request.Method} {context.Request.Path} needs "
                + $"{string.Join(" or ", needed)}.").ToResult().ExecuteAsync(context);
    }

    /// <summary>Where a person goes after signing in: a path of this server, never another site.</summary>
    public static string ReturnPath(string? wanted)
        => wanted is ['/', ..] && !wanted.StartsWith("//", StringComparison.Ordinal) && !wanted.Contains('\\', StringComparison.Ordinal)
            && Uri.TryCreate(wanted, UriKind.Relative, out _)
                ? wanted
                : "/";
}
