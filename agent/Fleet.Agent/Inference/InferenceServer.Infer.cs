using System.Globalization;
using Fleet.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>The part that runs a model for a request.</summary>
internal sealed partial class InferenceServer
{
    /// <summary>More runs at once than processors only wait for each other inside ONNX Runtime; here they wait without a thread.</summary>
    private readonly SemaphoreSlim _running = new(Environment.ProcessorCount);

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
        var wanted = WantedOf(model, request);
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

    /// <summary>The outputs that are asked for; all of them when none is named.</summary>
    private static List<RequestedOutput> WantedOf(LoadedModel model, InferenceRequest request) => request.Outputs.Count > 0
        ? request.Outputs
        : [.. model.Outputs.Select(output => new RequestedOutput(output.Name, null))];
}
