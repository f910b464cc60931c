using Fleet.Contracts.Http;

namespace Fleet.Server.Http;

/// <summary>Shows a problem to a person: what asks for a page is not answered with JSON.</summary>
internal interface IProblemPage
{
    /// <summary>The page.</summary>
    Task<IResult> PageAsync(HttpContext context, ApiProblem problem);

    /// <summary>True when a person looks: a browser that goes to an address asks for a page.</summary>
    static bool IsAskedFor(HttpRequest request)
        => (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || request.HasFormContentType)
            && request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal);
}
