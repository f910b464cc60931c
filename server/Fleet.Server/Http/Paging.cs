namespace Fleet.Server.Http;

/// <summary>How a list that is cut says where it goes on (RFC 8288).</summary>
internal static class Paging
{
    /// <summary>Adds <c>Link: &lt;…&gt;; rel="next"</c> to the answer.</summary>
    /// <param name="context">The request.</param>
    /// <param name="after">The key of the last item that is shown, which the next page begins behind.</param>
    public static void SayNext(HttpContext context, string after)
    {
        var query = QueryString.Create(
        [
            .. context.Request.Query.Where(each => each.Key != "after").Select(each => KeyValuePair.Create(each.Key, (string?)each.Value)),
            KeyValuePair.Create("after", (string?)after),
        ]);
        context.Response.Headers.Link = $"<{context.Request.Path}{query}>; rel=\"next\"";
    }
}
