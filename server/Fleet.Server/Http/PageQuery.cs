using Microsoft.AspNetCore.Mvc;

namespace Fleet.Server.Http;

/// <summary>Which page of a list is asked for: endpoints of lists take it as parameters of their query.</summary>
/// <param name="After">The key of the last item of the page before; null for the first page.</param>
/// <param name="Limit">How many items, at most <see cref="Longest"/>; null for <see cref="Length"/>.</param>
internal sealed record PageQuery([FromQuery(Name = "after")] string? After, [FromQuery(Name = "limit")] int? Limit)
{
    /// <summary>Items of a page, unless another number is asked for.</summary>
    public const int Length = 100;

    /// <summary>The most items of a page.</summary>
    public const int Longest = 1000;

    /// <summary>How many items.</summary>
    public int Size => Limit ?? Length;
}
