using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>The part that answers what a model thinks of rows, pictures and texts, in the words of its task.</summary>
internal sealed partial class InferenceServer
{
    /// <summary>Bytes of a request for predictions past which it is large.</summary>
    internal const int LargeRequest = 1024 * 1024;

    /// <summary>
    /// Values, lists, objects and keys of a request for predictions, of which each takes twelve bytes of memory while it is read, and as
    /// many again while room for more is found: a few tens of megabytes in all.
    /// </summary>
    internal const int MostParts = 4 * 1024 * 1024;

    /// <summary>
    /// JSON takes up to 24 bytes of memory for three of its own while it is read: large requests are read one after another, others not
    /// more at once than run.
    /// </summary>
    internal SemaphoreSlim ReadingLarge { get; } = new(1);

    private async Task PredictAsync(HttpContext context, string name)
    {
        var model = Acquire(name, null);
        try
        {
            using var body = await ReadBodyAsync(context);
            using var request = await ReadAsync(model, body, context.RequestAborted);
            using var response = new PooledBuffer();
            if (request.HasWindows) await PredictWindowsAsync(model, request, response, context.RequestAborted);
            else
            {
                await RunAsync(model, request.Name, request.Samples,
                    outputs => PredictionWriter.Write(response, model.Description, outputs, request.Unknown), context.RequestAborted);
            }
            await Send(context, 200, "application/json", response);
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

    /// <summary>Makes the model's input of a request; what the request took as JSON is free again before the model runs.</summary>
    private async Task<PredictRequest> ReadAsync(LoadedModel model, PooledBuffer body, CancellationToken cancellationToken)
    {
        var reading = body.Written.Length > LargeRequest ? ReadingLarge : _running;
        await reading.WaitAsync(cancellationToken);
        try
        {
            using var request = Instances(body);
            return model.Instances.Read(request.RootElement.GetProperty("instances"u8));
        }
        finally
        {
            reading.Release();
        }
    }

    private static JsonDocument Instances(PooledBuffer body)
    {
        JsonDocument request;
        try
        {
            if (body.Written.Length > LargeRequest) RequireParts(body);
            request = JsonDocument.Parse(body.Written);
        }
        catch (JsonException e)
        {
            throw InferenceException.Malformed($"The request is not JSON: {e.Message}");
        }
        try
        {
            if (request.RootElement.ValueKind == JsonValueKind.Object
                && request.RootElement.TryGetProperty("instances"u8, out var instances)
                && instances.ValueKind == JsonValueKind.Array) return request;
        }
        catch (InvalidOperationException)
        {
            // What is read as JSON without looking into its keys shows here that they are not.
            request.Dispose();
            throw InferenceException.Malformed("The request has a key that is not UTF-8.");
        }
        request.Dispose();
        throw InferenceException.Malformed("""The request must be an object with a list: {"instances": [...]}.""");
    }

    // Counted before anything is kept of them: 32 MiB of empty lists would take 270 MB, and as much again while they grow.
    private static void RequireParts(PooledBuffer body)
    {
        var reader = new Utf8JsonReader(body.Written.Span);
        for (var parts = 0; reader.Read();)
        {
            // A list is one part, though it ends as well as begins.
            if (reader.TokenType is not (JsonTokenType.EndArray or JsonTokenType.EndObject) && ++parts > MostParts)
                throw InferenceException.Malformed($"The request holds more than {MostParts:N0} values, lists and keys. Ask in several "
                    + "requests; /v2/models/NAME/infer takes more values at once, as binary data.");
        }
    }

    // A window is run by itself, as if it had been asked alone: its answer, what telemetry counts of it and its time are those of one run,
    // and what is asked meanwhile has its turn between two.
    private async Task PredictWindowsAsync(
        LoadedModel model, PredictRequest request, PooledBuffer response, CancellationToken cancellationToken)
    {
        using var one = request.One();
        using var json = PredictionWriter.Begin(response);
        var answers = request.Answers;
        Task AnswerAsync() => RunAsync(model, request.Name, one,
            outputs => PredictionWriter.WriteAnswer(json, model.Description, outputs, answers), cancellationToken);
        for (var instance = 0; instance < request.Unknown.Length; instance++)
        {
            json.WriteStartObject();
            if (request.Longer(instance) is not { } stream)
            {
                request.Take(instance, one);
                await AnswerAsync();
            }
            else
            {
                json.WriteStartArray("windows"u8);
                for (var window = 0; window < stream.Count; window++)
                {
                    stream.Write(window, one.GetTensorMutableDataAsSpan<float>());
                    var (start, end) = stream.Bounds(window);
                    json.WriteStartObject();
                    json.WriteNumber("start"u8, start);
                    json.WriteNumber("end"u8, end);
                    await AnswerAsync();
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
        PredictionWriter.End(json, model.Description);
    }

    private async Task RunAsync(
        LoadedModel model, string input, OrtValue value, Action<IReadOnlyList<(OnnxTensor Tensor, OrtValue Value)>> answer,
        CancellationToken cancellationToken)
    {
        await _running.WaitAsync(cancellationToken);
        try
        {
            List<string> names = [.. model.Outputs.Select(output => output.Name)];
            using var outputs = model.Run([input], [value], names);
            answer([.. model.Outputs.Zip(outputs)]);
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
}
