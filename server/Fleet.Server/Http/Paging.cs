using System.Text.Json.Serialization.Metadata;

namespace Fleet.Server.Http;

/// <summary>How lists are cut into pages, and say where they go on (RFC 8288).</summary>
internal static class Paging
{
    /// <summary>The page of a list that is at hand as a whole.</summary>
    /// <param name="context">The request.</param>
    /// <param name="page">Which page.</param>
    /// <param name="all">The list in its order.</param>
    /// <param name="keyOf">The key of an item, unique in the list.</param>
    /// <param name="type">How the page is written.</param>
    public static IResult PageOf<T>(
        HttpContext context, PageQuery page, IReadOnlyList<T> all, Func<T, string> keyOf, JsonTypeInfo<IReadOnlyList<T>> type)
    {
        var from = 0;
        if (page.After is { } after)
        {
            from = all.TakeWhile(item => keyOf(item) != after).Count() + 1;
            if (from > all.Count)
                return Refusal.Invalid($"after '{after}' is not in the list any more: read the list from its start.").ToResult();
        }
        return Answer(context, [.. all.Skip(from).Take(page.Size + 1)], page, keyOf, type);
    }

    /// <summary>The page of a list that was read as far as one item beyond the page.</summary>
    public static IResult Answer<T>(
        HttpContext context, IReadOnlyList<T> read, PageQuery page, Func<T, string> keyOf, JsonTypeInfo<IReadOnlyList<T>> type)
    {
        if (read.Count > page.Size) SayNext(context, keyOf(read[page.Size - 1]));
        IReadOnlyList<T> shown = read.Count > page.Size ? [.. read.Take(page.Size)] : read;
        return Results.Json(shown, type);
    }

    /// <summary>Adds <c>Link: &lt;…&gt;; rel="next"</c> to the answer.</summary>
    /// <param name="context">The request.</param>
    /// <param name="after">The key of the last item that is shown, which the next page begins behind.</param>
    /// <param name="path">Where the list goes on; null for the path that was asked for.</param>
    public static void SayNext(HttpContext context, string after, string? path = null) => Say(context, path, "after", after, "next");

    /// <summary>Adds <c>Link: &lt;…&gt;; rel="prev"</c> to the answer, where a list is read from its end.</summary>
    /// <param name="context">The request.</param>
    /// <param name="before">The key of the first item that is shown, which the page before ends at.</param>
    public static void SayPrevious(HttpContext context, string before) => Say(context, null, "before", before, "prev");

    private static void Say(HttpContext context, string? path, string parameter, string key, string relation)
    {
        var query = QueryString.Create(
        [
            .. context.Request.Query.Where(each => !each.Key.Equals(parameter, StringComparison.OrdinalIgnoreCase))
                .Select(each => KeyValuePair.Create(each.Key, (string?)each.Value)),
            KeyValuePair.Create(parameter, (string?)key),
        ]);
        context.Response.Headers.Link = $"<{path ?? context.Request.Path}{query}>; rel=\"{relation}\"";
    }
}
