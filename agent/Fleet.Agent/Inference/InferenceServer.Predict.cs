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
            var (input, value, unknown) = await ReadAsync(model, body, context.RequestAborted);
            using var given = value;
            using var response = new PooledBuffer();
            await PredictAsync(model, (input, given), unknown, response, context.RequestAborted);
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
    private async Task<(string Name, OrtValue Value, IReadOnlyList<string>[] Unknown)> ReadAsync(
        LoadedModel model, PooledBuffer body, CancellationToken cancellationToken)
    {
        var reading = body.Written.Length > LargeRequest ? ReadingLarge : _running;
        await reading.WaitAsync(cancellationToken);
        try
        {
            using var request = Instances(body);
            var (name, value) = model.Instances.Read(request.RootElement.GetProperty("instances"u8), out var unknown);
            return (name, value, unknown);
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

    private async Task PredictAsync(
        LoadedModel model, (string Name, OrtValue Value) input, IReadOnlyList<string>[] unknown, PooledBuffer response,
        CancellationToken cancellationToken)
    {
        await _running.WaitAsync(cancellationToken);
        try
        {
            List<string> names = [.. model.Outputs.Select(output => output.Name)];
            using var outputs = model.Run([input.Name], [input.Value], names);
            PredictionWriter.Write(response, model.Description, [.. model.Outputs.Zip(outputs)], unknown);
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
