using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Server.Http;

/// <summary>
/// What a room answers an operator or a worker: a value, or the problem that refuses it. A planned refusal is not an exception.
/// </summary>
/// <typeparam name="T">What was asked for.</typeparam>
internal sealed class Answer<T> where T : class
{
    private Answer(T? value, ApiProblem? problem) => (Value, Problem) = (value, problem);

    /// <summary>The value; null when refused.</summary>
    public T? Value { get; }

    /// <summary>Why it was refused; null when it was not.</summary>
    public ApiProblem? Problem { get; }

    public static implicit operator Answer<T>(T value) => new(value, null);

    public static implicit operator Answer<T>(ApiProblem problem) => new(null, problem);

    /// <summary>The answer over HTTP.</summary>
    public IResult ToResult(JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
        => Problem is null ? Results.Json(Value, type, statusCode: status) : Problem.ToResult();
}

/// <summary>The refusals rooms give, by what they mean.</summary>
internal static class Refusal
{
    /// <summary>400: what was sent breaks rules; every one is named.</summary>
    public static ApiProblem Invalid(
        string title, params IReadOnlyList<string> problems) => new(title, StatusCodes.Status400BadRequest, problems);

    /// <summary>403: whoever asks is known, and may not.</summary>
    public static ApiProblem Forbidden(string title) => new(title, StatusCodes.Status403Forbidden, []);

    /// <summary>404: there is no such thing.</summary>
    public static ApiProblem Unknown(string title) => new(title, StatusCodes.Status404NotFound, []);

    /// <summary>409: it may not be done as things stand.</summary>
    public static ApiProblem Conflict(
        string title, params IReadOnlyList<string> problems) => new(title, StatusCodes.Status409Conflict, problems);

    /// <summary>413: it is too large.</summary>
    public static ApiProblem TooLarge(
        string title, params IReadOnlyList<string> problems) => new(title, StatusCodes.Status413PayloadTooLarge, problems);

    /// <summary>The refusal over HTTP (RFC 9457).</summary>
    public static IResult ToResult(this ApiProblem problem) => new ProblemResult(problem);

    private sealed class ProblemResult(ApiProblem problem) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            RequestNotes.Of(httpContext).Why = problem.Title;
            var pages = IProblemPage.IsAskedFor(httpContext.Request) ? httpContext.RequestServices.GetService<IProblemPage>() : null;
            var result = pages is not null ? await pages.PageAsync(httpContext, problem) : Json();
            await result.ExecuteAsync(httpContext);
        }

        private IResult Json() => Results.Json(problem, FleetJson.Default.ApiProblem, "application/problem+json", problem.Status);
    }
}
