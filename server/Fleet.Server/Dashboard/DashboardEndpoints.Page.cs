using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace Fleet.Server.Dashboard;

/// <summary>The part that renders a page.</summary>
internal static partial class DashboardEndpoints
{
    /// <summary>
    /// Nothing may be loaded or run but the one style sheet and the one script, by their hashes; they and forms reach this server alone.
    /// </summary>
    private static readonly string Policy = $"default-src 'none'; style-src '{HashOf(Style.Sheet)}'; script-src '{HashOf(Script.Source)}'; "
        + "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>A component as a page.</summary>
    internal static async Task<IResult> PageAsync<T>(
        IServiceProvider services, Dictionary<string, object?> parameters, int status = StatusCodes.Status200OK) where T : IComponent
    {
        await using var renderer = new HtmlRenderer(services, services.GetRequiredService<ILoggerFactory>());
        var html = await renderer.Dispatcher.InvokeAsync(
            async () => (await renderer.RenderComponentAsync<T>(ParameterView.FromDictionary(parameters))).ToHtmlString());
        return new Page(html, status);
    }

    private static string HashOf(string inline) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(inline)))}";

    private sealed class Page(string html, int status) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            httpContext.Response.ContentType = "text/html; charset=utf-8";
            httpContext.Response.Headers.ContentSecurityPolicy = Policy;
            httpContext.Response.Headers.CacheControl = "no-store";
            return httpContext.Response.WriteAsync(html, httpContext.RequestAborted);
        }
    }
}
