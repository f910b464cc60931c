using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace Fleet.Server.Dashboard;

/// <summary>The part that renders a page.</summary>
internal static partial class DashboardEndpoints
{
    /// <summary>Nothing may be loaded or run but the one style sheet, by its hash; forms go to this server alone.</summary>
    private static readonly string Policy =
        $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style.Sheet)))}'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>A component as a page. Nothing in it comes alive in the browser, so nothing may be loaded or run there.</summary>
    internal static async Task<IResult> PageAsync<T>(
        IServiceProvider services, Dictionary<string, object?> parameters, int status = StatusCodes.Status200OK) where T : IComponent
    {
        await using var renderer = new HtmlRenderer(services, services.GetRequiredService<ILoggerFactory>());
        var html = await renderer.Dispatcher.InvokeAsync(
            async () => (await renderer.RenderComponentAsync<T>(ParameterView.FromDictionary(parameters))).ToHtmlString());
        return new Page(html, status);
    }

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
