namespace Fleet.Server.Http;

/// <summary>
/// What every answer tells a browser: take nothing for something else, show it in no frame, tell no other site where it came from.
/// </summary>
internal static class SecurityHeaders
{
    /// <summary>What holds for whatever is not a page: it may load and do nothing.</summary>
    private const string Nothing = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Adds them to every answer, refusals included.</summary>
    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        context.Response.OnStarting(() =>
        {
            var headers = context.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            // Not "no-referrer", for which browsers send the form of a page with the origin "null": that is refused as foreign.
            headers["Referrer-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            if (headers.ContentSecurityPolicy.Count == 0) headers.ContentSecurityPolicy = Nothing;
            // What a caller may see must not be kept for the next one; artifacts are named by their content, and say so themselves.
            if (headers.CacheControl.Count == 0 && headers.ETag.Count == 0) headers.CacheControl = "no-store";
            return Task.CompletedTask;
        });
        return next(context);
    });
}
