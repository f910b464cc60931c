namespace Fleet.Server.Http;

/// <summary>How endpoints describe themselves in the OpenAPI document; what they accept and answer does not depend on it.</summary>
internal static class ApiDescriptions
{
    /// <summary>Every type of content is read; the document names JSON alone.</summary>
    internal const string AnyContent = "*/*";

    /// <summary>What everything is but a file.</summary>
    internal const string Json = "application/json";

    /// <summary>Says what an endpoint does and answers with.</summary>
    /// <typeparam name="T">The answer, as JSON.</typeparam>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="name">Its name, which generated clients call: a verb and a noun.</param>
    /// <param name="summary">What it does, in one sentence.</param>
    /// <param name="status">The status of the answer.</param>
    public static RouteHandlerBuilder Tells<T>(
        this RouteHandlerBuilder endpoint, string name, string summary, int status = StatusCodes.Status200OK)
        => endpoint.WithName(name).WithSummary(summary).Produces<T>(status);

    /// <summary>Says what an endpoint does that answers with nothing.</summary>
    public static RouteHandlerBuilder TellsNothing(
        this RouteHandlerBuilder endpoint, string name, string summary, int status = StatusCodes.Status204NoContent)
        => endpoint.WithName(name).WithSummary(summary).Produces(status);

    /// <summary>Says what an endpoint does that answers with a file.</summary>
    public static RouteHandlerBuilder TellsFile(this RouteHandlerBuilder endpoint, string name, string summary, string contentType)
        => endpoint.WithName(name).WithSummary(summary).Produces<Stream>(StatusCodes.Status200OK, contentType);

    /// <summary>Says what an endpoint reads, as JSON.</summary>
    public static RouteHandlerBuilder Takes<T>(this RouteHandlerBuilder endpoint) where T : notnull
        => endpoint.Accepts<T>(Json, AnyContent);

    /// <summary>Says that an endpoint reads a file.</summary>
    public static RouteHandlerBuilder TakesFile(this RouteHandlerBuilder endpoint, string contentType)
        => endpoint.Accepts<Stream>(contentType, AnyContent);
}
