using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Fleet.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>
/// Answers the Open Inference Protocol v2 over REST
/// (https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md),
/// so that every KServe or Triton client can call a model on this device; and the V1 protocol's predict
/// (https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol), for applications that have rows or pictures.
/// </summary>
internal sealed partial class InferenceServer(ModelTable models, ILogger<InferenceServer> logger) : IDisposable
{
    /// <summary>Header that says how many bytes of the body are JSON; binary tensor data follows.</summary>
    private const string JsonLength = "Inference-Header-Content-Length";

    private const string Predict = ":predict";

    /// <summary>Sentences as they are: nothing here is ever put into a page.</summary>
    internal static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Answers one request. This is the whole protocol on one page.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        try
        {
            var path = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
            await ((context.Request.Method, path) switch
            {
                ("GET", ["v2"]) => Reply(context, 200, DescribeServer),
                ("GET", ["v2", "health", "live"]) => Reply(context, 200, json => json.WriteBoolean("live"u8, true)),
                ("GET", ["v2", "health", "ready"])
                    => Reply(context, models.Ready ? 200 : 503, json => json.WriteBoolean("ready"u8, models.Ready)),
                ("GET", ["v2", "models", var model]) => DescribeAsync(context, model, null),
                ("GET", ["v2", "models", var model, "ready"]) => DescribeReadyAsync(context, model, null),
                ("POST", ["v2", "models", var model, "infer"]) => InferAsync(context, model, null),
                ("GET", ["v2", "models", var model, "versions", var version]) => DescribeAsync(context, model, version),
                ("GET", ["v2", "models", var model, "versions", var version, "ready"]) => DescribeReadyAsync(context, model, version),
                ("POST", ["v2", "models", var model, "versions", var version, "infer"]) => InferAsync(context, model, version),
                ("POST", ["v1", "models", var target]) when target.EndsWith(Predict, StringComparison.Ordinal)
                    => PredictAsync(context, target[..^Predict.Length]),
                (_, ["v2", ..]) => throw new InferenceException(
                    404, $"{context.Request.Method} {context.Request.Path} is not part of the Open Inference Protocol v2."),
                _ => throw new InferenceException(404, $"Nothing is at {context.Request.Path}; the Open Inference Protocol is at /v2, and "
                    + "/v1/models/NAME:predict takes instances."),
            });
        }
        catch (InferenceException e)
        {
            LogRefused(context.Request.Path, e.Status, e.Message);
            await Fail(context, e.Status, e.Message);
        }
        catch (BadHttpRequestException e)
        {
            var tooLarge = $"The request is larger than the {Limits.InferenceRequestBytes:N0} bytes allowed.";
            await Fail(context, e.StatusCode, e.StatusCode == 413 ? tooLarge : e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(e, context.Request.Path);
            await Fail(context, 500, e.Message);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _running.Dispose();
        ReadingLarge.Dispose();
    }

    private LoadedModel Acquire(string name, string? version)
    {
        if (models.Acquire(name) is not { } model)
        {
            var because = models.Explain(name) is { } reason ? $" {reason}" : "";
            throw new InferenceException(404, $"Model '{name}' is not served on this device.{because}");
        }
        if (version is null || version == model.Description.Version.ToString(CultureInfo.InvariantCulture)) return model;
        var serving = model.Description.Version;
        model.Release();
        throw new InferenceException(404, $"Model '{name}' is served in version {serving}, not in '{version}'.");
    }

    private static Task Fail(HttpContext context, int status, string message)
        => context.Response.HasStarted ? Task.CompletedTask : Reply(context, status, json => json.WriteString("error"u8, message));

    private static async Task Reply(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        using var buffer = new PooledBuffer();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        await Send(context, status, "application/json", buffer);
    }

    private static async Task Send(HttpContext context, int status, string contentType, PooledBuffer body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Written.Length;
        await context.Response.Body.WriteAsync(body.Written, context.RequestAborted);
    }

    [LoggerMessage(LogLevel.Debug, "{Path} was refused with {Status}: {Reason}")]
    private partial void LogRefused(string path, int status, string reason);

    [LoggerMessage(LogLevel.Error, "{Path} failed.")]
    private partial void LogFailed(Exception exception, string path);
}
