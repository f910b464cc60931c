using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Hosting;

/// <summary>Refuses requests under a name that is not the server's, and changes that a page of another site asks for.</summary>
internal static class HostCheck
{
    /// <summary>Checks every request of every port.</summary>
    public static void UseHostCheck(this WebApplication app)
    {
        var names = app.Services.GetRequiredService<HostNames>();
        app.Use((context, next) => WhyNot(context, names) is { } problem ? problem.ToResult().ExecuteAsync(context) : next(context));
    }

    private static ApiProblem? WhyNot(HttpContext context, HostNames names)
    {
        var request = context.Request;
        if (!names.Answers(request.Host.Host, context.Connection.LocalIpAddress))
            return new ApiProblem(
                $"This server is not called '{request.Host.Host}'. If it is, name it in Fleet:AllowedHosts.",
                StatusCodes.Status421MisdirectedRequest, []);
        return HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || IsOwn(request, names)
            ? null
            : Refusal.Forbidden($"A page of {request.Headers.Origin} may not change anything here.");
    }

    /// <summary>True when no page asks, or one of this server; a browser says which, and a page cannot keep it from that.</summary>
    private static bool IsOwn(HttpRequest request, HostNames names)
        => request.Headers.Origin.Count == 0
            || (Uri.TryCreate(request.Headers.Origin, UriKind.Absolute, out var origin)
                && (origin.Authority == request.Host.Value || names.IsOfSettings(origin.IdnHost)));
}
