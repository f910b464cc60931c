using System.Net;
using Fleet.Server.Access;
using Fleet.Server.Http;

namespace Fleet.Server.Dashboard;

/// <summary>Signing in and out: a person shows an API key once and is held by a cookie from then on.</summary>
internal static class LoginEndpoints
{
    /// <summary>Maps <c>/login</c> and <c>/logout</c>.</summary>
    public static void MapLogin(this IEndpointRouteBuilder app)
    {
        app.MapGet(SignIn.Path, (HttpContext context, string? @return) => PageAsync(context, @return, null)).ForEverybody();
        app.MapPost(SignIn.Path, LoginAsync).ForEverybody();
        app.MapPost("/logout", async (HttpContext context, Sessions sessions) =>
        {
            await sessions.CloseAsync(context);
            return SeeOther(SignIn.Path);
        }).ForViewers();
    }

    private static async Task<IResult> LoginAsync(
        HttpContext context, ApiKeys keys, Sessions sessions, FailureLimit failures, CancellationToken cancellationToken)
    {
        if (!context.Request.HasFormContentType) return Refusal.Invalid("Send the form of the page.").ToResult();
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var found = await keys.FindAsync(form["key"], cancellationToken);
        RequestNotes.Of(context).Who = found.Caller?.Name ?? found.Who;
        if (found.Caller is { } caller && caller.Roles.Intersect(Roles.ThatPass(Roles.Viewer)).Any())
        {
            await sessions.OpenAsync(context, caller, found.Id);
            return SeeOther(SignIn.ReturnPath(form["return"]));
        }
        var problem = found.Caller is null ? found.Problem : "This key is for workers, not for people.";
        if (failures.IsTooMany(context.Connection.RemoteIpAddress ?? IPAddress.None))
            problem = "Too many wrong keys came from this address: wait a minute.";
        RequestNotes.Of(context).Why = problem;
        return await PageAsync(context, form["return"], problem);
    }

    private static Task<IResult> PageAsync(HttpContext context, string? wanted, string? problem)
        => DashboardEndpoints.PageAsync<LoginPage>(
            context.RequestServices,
            new()
            {
                [nameof(LoginPage.Return)] = SignIn.ReturnPath(wanted),
                [nameof(LoginPage.Problem)] = problem,
                [nameof(LoginPage.OpenId)] = context.RequestServices.GetRequiredService<AccessOptions>().OpenIdAuthority is not null,
            },
            problem is null ? StatusCodes.Status200OK : StatusCodes.Status401Unauthorized);

    /// <summary>Whoever has sent a form reads next: a reload sends nothing twice.</summary>
    private static Redirection SeeOther(string path) => new(path);

    private sealed class Redirection(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = path;
            return Task.CompletedTask;
        }
    }
}
