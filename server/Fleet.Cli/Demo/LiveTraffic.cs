using System.Buffers;
using System.Net.Http.Headers;
using System.Text.Json;
using Fleet.Cli.Client;

namespace Fleet.Cli.Demo;

/// <summary>
/// An application on a device, as far as the demo needs one: it asks the agent's local Open Inference endpoint about real samples
/// and compares the answers with the labels.
/// </summary>
internal sealed class LiveTraffic(HttpClient http, string device, string dataFolder, string model, ValidationSamples samples)
{
    private int _next;
    private Uri? _endpoint;

    /// <summary>The device it runs on.</summary>
    public string Device => device;

    /// <summary>Requests answered.</summary>
    public long Answered { get; private set; }

    /// <summary>Answers that named the right class.</summary>
    public long Right { get; private set; }

    /// <summary>Sends requests with a pause after each.</summary>
    public async Task SendAsync(int count, TimeSpan pause, CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            await AskAsync(cancellationToken);
            await Task.Delay(pause, cancellationToken);
        }
    }

    /// <summary>Sends requests until cancelled; an endpoint that is away for a moment is waited for.</summary>
    public async Task KeepSendingAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await SendAsync(int.MaxValue, pause, cancellationToken);
            }
            catch (FleetException)
            {
                _endpoint = null; // The inference host was restarted and listens elsewhere now.
                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            }
        }
    }

    private async Task AskAsync(CancellationToken cancellationToken)
    {
        var index = _next++ % samples.Count;
        var url = new Uri(_endpoint ??= ReadEndpoint(), $"v2/models/{model}/infer");
        try
        {
            using var content =
                new ByteArrayContent(Request(index)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var response = await http.PostAsync(url, content, cancellationToken);
            var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw new FleetException($"{device} answered {(int)response.StatusCode} to an inference request: "
                    + $"{System.Text.Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 300)))}");
            Answered++;
            if (Decision(body) == samples.Label(index)) Right++;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FleetException($"{device} did not answer an inference request at {url}: {e.Message}", e);
        }
    }

    private byte[] Request(int index)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteStartArray("inputs");
        json.WriteStartObject();
        json.WriteString("name", samples.Input.Name);
        json.WriteString("datatype", samples.Input.Datatype);
        json.WriteStartArray("shape");
        foreach (var extent in samples.Shape) json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("data");
        foreach (var value in samples.Values(index)) json.WriteNumberValue(value);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The class with the largest value of the first output.</summary>
    private static int Decision(byte[] body)
    {
        using var answer = JsonDocument.Parse(body);
        var (best, largest, i) = (-1, double.NegativeInfinity, 0);
        foreach (var value in answer.RootElement.GetProperty("outputs")[0].GetProperty("data").EnumerateArray())
        {
            if (value.GetDouble() > largest) (best, largest) = (i, value.GetDouble());
            i++;
        }
        return best;
    }

    private Uri ReadEndpoint() => Endpoints.Read(Path.Combine(dataFolder, Endpoints.FileName))?.GetValueOrDefault("inference") is { } url
        ? new Uri(url)
        : throw new FleetException(
            $"{device} has not written where its inference endpoint listens ({Path.Combine(dataFolder, Endpoints.FileName)}).");
}
