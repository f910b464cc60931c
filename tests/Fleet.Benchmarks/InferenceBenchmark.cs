using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>What the local endpoint adds to a model's own time: every form of request in turn, against one inference host.</summary>
internal static class InferenceBenchmark
{
    private const int Rounds = 200;

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return SharedData.Absent;
        using var folder = new TemporaryFolder();
        await using var host = await Host.StartAsync(folder["inference.sock"], cancellationToken);
        var text = new StringBuilder();
        text.AppendLine("| model | floats in, out | session run | JSON | binary | binary, Unix socket | binary adds |")
            .AppendLine("|---|---:|---:|---:|---:|---:|---:|");
        text.AppendLine(await host.MeasureAsync("silero-vad", SharedData.PathOf("onnx-silero-vad", "silero_vad.onnx"),
            [new("input", [1, 576]), new("state", [2, 1, 128]), new("sr", [], "INT64")], cancellationToken));
        text.AppendLine(await host.MeasureAsync(
            "mcunet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx"), [new("input", [1, 3, 96, 96])], cancellationToken));
        text.AppendLine(await host.MeasureAsync(
            "ultraface", SharedData.PathOf("onnx-ultraface", "version-RFB-320.onnx"), [new("input", [1, 3, 240, 320])], cancellationToken));
        return text.AppendLine().Append(CultureInfo.InvariantCulture, $"""
            Medians in ms of {Rounds} requests of each form, taken in turn by one client, each from before it is sent to after it is read.
            The session run is what the host's own telemetry measured of the same requests (a bucket is at most 1/16 wide); the last column
            is the binary request by port less that. Load average when it ended: {File.ReadAllText("/proc/loadavg").Split(' ')[0]}.
            """).ToString();
    }

    private sealed record Input(string Name, int[] Shape, string Datatype = "FP32")
    {
        public int Elements => Shape.Aggregate(1, (product, extent) => product * extent);
    }

    /// <summary>An inference host, spoken to as the agent speaks to it.</summary>
    private sealed class Host : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly HttpClient _byPort = new();
        private readonly HttpClient _bySocket;

        private Host(Process process, string socket)
        {
            _process = process;
            _process.ErrorDataReceived += (_, _) => { }; // Its log.
            _process.BeginErrorReadLine();
            _bySocket = new HttpClient(new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancellationToken) =>
                {
                    var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellationToken);
                    return new NetworkStream(connection, ownsSocket: true);
                },
            });
        }

        public static async Task<Host> StartAsync(string socket, CancellationToken cancellationToken)
        {
            var start = new ProcessStartInfo(Programs.Agent, ["infer-host", "--port", "0", "--socket", socket])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["ORT_DISABLE_TELEMETRY"] = "1";
            var host = new Host(Process.Start(start)!, socket);
            host._byPort.BaseAddress = new Uri((string)(await host.ReadAsync(cancellationToken))["address"]!);
            host._bySocket.BaseAddress = new Uri("http://device");
            return host;
        }

        public async Task<string> MeasureAsync(string name, string path, Input[] inputs, CancellationToken cancellationToken)
        {
            await CommandAsync($$"""{"id":1,"load":{"model":"{{name}}","version":1,"variant":"fp32","path":"{{path}}","runtime":{}"""
                + $$""","inputs":[],"outputs":[],"classes":[]} }""", cancellationToken);
            (string Form, HttpClient Client, Func<HttpContent> Request)[] forms =
            [
                ("JSON", _byPort, () => Json(inputs)),
                ("binary", _byPort, () => Binary(inputs)),
                ("binary, Unix socket", _bySocket, () => Binary(inputs)),
            ];
            var times = forms.Select(_ => new List<double>()).ToArray();
            var answered = 0;
            for (var round = -20; round < Rounds; round++)
            {
                // The warm-up rounds are over: their runs are not counted.
                if (round == 0) await CommandAsync("""{"id":2,"drain":true}""", cancellationToken);
                for (var form = 0; form < forms.Length; form++)
                {
                    using var content = forms[form].Request();
                    var before = Stopwatch.GetTimestamp();
                    using var response = await forms[form].Client.PostAsync($"/v2/models/{name}/infer", content, cancellationToken);
                    answered = (await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync(cancellationToken)).Length;
                    if (round >= 0) times[form].Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
                }
            }
            var statistics = (await CommandAsync("""{"id":3,"drain":true}""", cancellationToken))["statistics"]!.AsArray().Single()!;
            var run = statistics["latency"].Deserialize(FleetJson.Default.LatencyHistogram)!.Percentile(0.5).TotalMilliseconds;
            var medians = times.Select(list => list.Order().ElementAt(list.Count / 2)).ToArray();
            return string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {inputs.Sum(input => input.Elements):N0}, {answered / sizeof(float):N0} | {run:0.000} | {medians[0]:0.000} | "
                    + $"{medians[1]:0.000} | {medians[2]:0.000} | {medians[1] - run:0.000} |");
        }

        public async ValueTask DisposeAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _byPort.Dispose();
            _bySocket.Dispose();
        }

        private static StringContent Json(Input[] inputs)
            => new StringContent($$"""{"inputs":[{{string.Join(',',
                inputs.Select(input => Head(input)
                    + $",\"data\":[{string.Join(
                        ',', Values(input).Select(value => value.ToString(CultureInfo.InvariantCulture)))}]}}"))}}]}""");

        private static ByteArrayContent Binary(Input[] inputs)
        {
            byte[][] data = [
                .. inputs.Select(input => input.Datatype == "INT64"
                    ? MemoryMarshal.AsBytes<long>(Array.ConvertAll(Values(input), value => (long)value)).ToArray()
                    : MemoryMarshal.AsBytes<float>(Values(input)).ToArray()),
            ];
            var json = Encoding.UTF8.GetBytes(
                $$"""{"inputs":[{{string.Join(',',
                    inputs.Select((input, i) => Head(input)
                        + $",\"parameters\":{{\"binary_data_size\":{data[
                            i].Length}}}}}"))}}],"parameters":{"binary_data_output":true} }""");
            var content = new ByteArrayContent([.. json, .. data.SelectMany(bytes => bytes)]);
            content.Headers.Add("Inference-Header-Content-Length", json.Length.ToString(CultureInfo.InvariantCulture));
            return content;
        }

        private static string Head(Input input)
            => $$"""{"name":"{{input.Name}}","shape":[{{string.Join(',', input.Shape)}}],"datatype":"{{input.Datatype}}" """;

        private static float[] Values(Input input)
            => input.Datatype == "INT64" ? [16000] : [.. Enumerable.Range(0, input.Elements).Select(i => MathF.Sin(i))];

        private async Task<JsonNode> CommandAsync(string command, CancellationToken cancellationToken)
        {
            await _process.StandardInput.WriteLineAsync(command.AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
            return await ReadAsync(cancellationToken);
        }

        private async Task<JsonNode> ReadAsync(CancellationToken cancellationToken)
        {
            var reply = JsonNode.Parse(await _process.StandardOutput.ReadLineAsync(cancellationToken)
                ?? throw new InvalidOperationException("The inference host ended."))!;
            return reply["error"] is { } error ? throw new InvalidOperationException((string)error!) : reply;
        }
    }
}
