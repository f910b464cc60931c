using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts.Http;
using Fleet.Platform;
using Fleet.Server.Storage;

namespace Fleet.Server.Http;

/// <summary>Every refusal of this server is an <see cref="ApiProblem"/>, the ones nobody planned included.</summary>
internal static partial class Problems
{
    /// <summary>Makes a value that does not read, such as a limit of "many", a problem that names it.</summary>
    public static IServiceCollection AddProblems(this IServiceCollection services)
        => services.AddDocument("idempotentCall", IdempotencyJson.Default.IdempotentCall).AddSingleton<IdempotentCalls>()
            .Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);

    /// <summary>Turns what goes wrong into problems.</summary>
    public static void UseProblems(this WebApplication app)
    {
        var logger = app.Logger;
        app.Use(async (context, next) =>
        {
            try
            {
                await next(context);
                if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null })
                    await AnswerAsync(context, context.Response.StatusCode, SentenceFor(context));
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                // Nobody waits for an answer any more.
            }
            catch (BadHttpRequestException e) when (!context.Response.HasStarted)
            {
                await AnswerAsync(context, e.StatusCode, SentenceOf(e.Message));
            }
            // How the server in front of this one says that the size of a chunk runs over.
            catch (IOException e) when (!context.Response.HasStarted && e.InnerException is OverflowException)
            {
                await AnswerAsync(context, StatusCodes.Status400BadRequest, "The body names a chunk of an impossible size.");
            }
            catch (StoreException e) when (!context.Response.HasStarted)
            {
                if (e.Failure == StoreFailure.Corrupt) LogUnexpected(logger, context.Request.Method, context.Request.Path, e);
                else LogNotStored(logger, context.Request.Method, context.Request.Path, e.Message);
                await AnswerAsync(context, StatusOf(e.Failure), e.Message);
            }
            catch (UnavailableException e) when (!context.Response.HasStarted)
            {
                LogUnavailable(logger, context.Request.Method, context.Request.Path, e.Message, e.InnerException?.Message);
                await AnswerAsync(context, StatusCodes.Status503ServiceUnavailable, e.Message);
            }
            catch (IOException e) when (!context.Response.HasStarted && DiskSpace.IsFull(e))
            {
                LogNotStored(logger, context.Request.Method, context.Request.Path, e.Message);
                await AnswerAsync(
                    context, StatusOf(StoreFailure.Full),
                    "The disk of the data folder is full; nothing of this counts. Free some space there, then send it again.");
            }
            catch (Exception e) when (!context.Response.HasStarted)
            {
                LogUnexpected(logger, context.Request.Method, context.Request.Path, e);
                await AnswerAsync(context, StatusCodes.Status500InternalServerError, "The server failed; its log says why.");
            }
        });
    }

    /// <summary>Makes a POST safe to send again: behind whatever finds out who is there.</summary>
    public static void UseIdempotency(this WebApplication app)
    {
        var calls = app.Services.GetRequiredService<IdempotentCalls>();
        app.Use((context, next) => calls.InvokeAsync(context, next));
    }

    private static Task AnswerAsync(HttpContext context, int status, string title)
    {
        context.Response.Clear();
        return new ApiProblem(title, status, []).ToResult().ExecuteAsync(context);
    }

    private static int StatusOf(StoreFailure failure) => failure switch
    {
        StoreFailure.Conflict => StatusCodes.Status409Conflict,
        StoreFailure.Full => StatusCodes.Status507InsufficientStorage,
        StoreFailure.Unavailable or StoreFailure.Closed => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>A parameter that does not read is named as it stands in the request; other sentences of the framework are left.</summary>
    private static string SentenceOf(string message) => Unbound().Match(message) is { Success: true } match
        ? $"{JsonNamingPolicy.CamelCase.ConvertName(match.Groups["name"].Value)} '{match.Groups["value"].Value}' cannot be read."
        : message;

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (?<name>\\w+)\" from \"(?<value>.*)\"[.]$")]
    private static partial Regex Unbound();

    private static string SentenceFor(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"There is nothing at {context.Request.Path}.",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Path} does not take {context.Request.Method}.",
        StatusCodes.Status413PayloadTooLarge => "The request is larger than what is accepted here.",
        StatusCodes.Status415UnsupportedMediaType => "Send application/json.",
        StatusCodes.Status416RangeNotSatisfiable => "The range that was asked for lies beyond the end.",
        var status => $"The request was refused ({status}).",
    };

    [LoggerMessage(LogLevel.Warning, "{Method} {Path} is refused: {Reason}")]
    private static partial void LogNotStored(ILogger logger, string method, PathString path, string reason);

    [LoggerMessage(LogLevel.Warning, "{Method} {Path} is refused: {Reason} ({Cause})")]
    private static partial void LogUnavailable(ILogger logger, string method, PathString path, string reason, string? cause);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    private static partial void LogUnexpected(ILogger logger, string method, PathString path, Exception exception);
}
