using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Fleet.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>
/// Answers the Open Inference Protocol v2 over REST
/// (https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md),
/// so that every KServe or Triton client can call a model on this device.
/// </summary>
internal sealed partial class InferenceServer(ModelTable models, ILogger<InferenceServer> logger) : IDisposable
{
    /// <summary>Header that says how many bytes of the body are JSON; binary tensor data follows.</summary>
    private const string JsonLength = "Inference-Header-Content-Length";

    /// <summary>More runs at once than processors only wait for each other inside ONNX Runtime; here they wait without a thread.</summary>
    private readonly SemaphoreSlim _running = new(Environment.ProcessorCount);

    /// <summary>Sentences as they are: nothing here is ever put into a page.</summary>
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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
                (_, ["v2", ..]) => throw new InferenceException(
                    404, $"{context.Request.Method} {context.Request.Path} is not part of the Open Inference Protocol v2."),
                _ => throw new InferenceException(404, $"Nothing is at {context.Request.Path}; the Open Inference Protocol is at /v2."),
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
    public void Dispose() => _running.Dispose();

    private async Task InferAsync(HttpContext context, string name, string? version)
    {
        var model = Acquire(name, version);
        try
        {
            using var body = await ReadBodyAsync(context);
            using var request = Parse(context, model, body.Written.Span);
            using var response = new PooledBuffer();
            var jsonLength = await RunAsync(model, request, response, context.RequestAborted);
            var binary = jsonLength < response.Written.Length;
            if (binary) context.Response.Headers[JsonLength] = jsonLength.ToString(CultureInfo.InvariantCulture);
            await Send(context, 200, binary ? "application/octet-stream" : "application/json", response);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            model.Tally.AddError();
            throw;
        }
        finally
        {
            model.Release();
        }
    }

    private static async Task<PooledBuffer> ReadBodyAsync(HttpContext context)
    {
        var body = new PooledBuffer();
        try
        {
            int read;
            do
            {
                var left = (context.Request.ContentLength ?? 0) - body.Written.Length;
                var memory = body.GetMemory((int)Math.Clamp(left, 1, Limits.InferenceRequestBytes));
                read = await context.Request.Body.ReadAsync(memory, context.RequestAborted);
                body.Advance(read);
            }
            while (read > 0);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    private static InferenceRequest Parse(HttpContext context, LoadedModel model, ReadOnlySpan<byte> body)
    {
        var jsonLength = body.Length;
        if (context.Request.Headers[JsonLength] is [{ } header]
            && (!int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out jsonLength) || jsonLength > body.Length))
            throw InferenceException.Malformed($"{JsonLength} is '{header}'; the body has {body.Length} bytes.");
        return new InferenceRequestReader(model.Inputs, model.Outputs).Read(body[..jsonLength], body[jsonLength..]);
    }

    private async Task<int> RunAsync(
        LoadedModel model, InferenceRequest request, PooledBuffer response, CancellationToken cancellationToken)
    {
        var wanted = request.Outputs.Count > 0
            ? request.Outputs
            : [.. model.Outputs.Select(output => new RequestedOutput(output.Name, null))];
        await _running.WaitAsync(cancellationToken);
        try
        {
            using var values = model.Run(request.InputNames, request.Values, [.. wanted.Select(output => output.Name)]);
            return InferenceResponseWriter.Write(response, model.Description, request.Id,
                [.. wanted.Select((output, i) => (model.TensorOf(output.Name), values[i], output.Binary ?? request.BinaryOutputs))]);
        }
        catch (OnnxRuntimeException e)
        {
            throw new InferenceException(500, $"ONNX Runtime could not run the model: {e.Message}");
        }
        finally
        {
            _running.Release();
        }
    }

    private LoadedModel Acquire(string name, string? version)
    {
        var model = models.Acquire(name) ?? throw new InferenceException(404, $"Model '{name}' is not served on this device.");
        if (version is null || version == model.Description.Version.ToString(CultureInfo.InvariantCulture)) return model;
        var serving = model.Description.Version;
        model.Release();
        throw new InferenceException(404, $"Model '{name}' is served in version {serving}, not in '{version}'.");
    }

    private Task DescribeAsync(HttpContext context, string name, string? version)
    {
        var model = Acquire(name, version);
        try
        {
            return Reply(context, 200, json => Describe(json, model));
        }
        finally
        {
            model.Release();
        }
    }

    private Task DescribeReadyAsync(HttpContext context, string name, string? version)
    {
        Acquire(name, version).Release();
        return Reply(context, 200, json =>
        {
            json.WriteString("name"u8, name);
            json.WriteBoolean("ready"u8, true);
        });
    }

    private static void DescribeServer(Utf8JsonWriter json)
    {
        json.WriteString("name"u8, "fleet-agent");
        json.WriteString("version"u8, typeof(InferenceServer).Assembly.GetName().Version!.ToString(3));
        json.WriteStartArray("extensions"u8);
        json.WriteStringValue("binary_tensor_data"u8);
        json.WriteEndArray();
    }

    private static void Describe(Utf8JsonWriter json, LoadedModel model)
    {
        json.WriteString("name"u8, model.Description.Model);
        json.WriteStartArray("versions"u8);
        json.WriteStringValue($"{model.Description.Version}");
        json.WriteEndArray();
        json.WriteString("platform"u8, "onnxruntime_onnx");
        Tensors("inputs", model.Inputs);
        Tensors("outputs", model.Outputs);
        json.WriteStartObject("parameters"u8);
        json.WriteString("variant"u8, model.Description.Variant);
        json.WriteStartArray("classes"u8);
        foreach (var name in model.Description.Classes) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteEndObject();

        void Tensors(string kind, IReadOnlyList<OnnxTensor> tensors)
        {
            json.WriteStartArray(kind);
            foreach (var tensor in tensors)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, tensor.Name);
                json.WriteString("datatype"u8, tensor.Datatype);
                json.WriteStartArray("shape"u8);
                foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
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
