using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Agent.Inference;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Tasks;

namespace Fleet.Agent.Tests.Inference;

/// <summary>An application sends a stream, and is answered for each window as if it had asked for that alone.</summary>
public sealed class WindowsTests(ProtocolTests.SharedHost host) : IClassFixture<ProtocolTests.SharedHost>
{
    private static readonly InputForm Series = new()
    {
        Series = new SeriesForm(["heat", "load"]),
        Windows = new WindowForm { Length = 3, Step = 2, Minimum = 2, Padding = WindowPadding.FirstRow },
    };

    private readonly HostFixture _fixture = host.Fixture;

    [Fact]
    public async Task Longer_stream_is_answered_by_window_and_one_window_as_ever()
    {
        await ServeAsync(Series, 6, ModelTask.Classification, "a", "b", "c", "d", "e", "f");
        const string Long = "[[0,0],[1,10],[2,20],[3,30],[4,40],[5,50]]";
        const string First = "[[1,10],[2,20],[3,30]]", Second = "[[3,30],[4,40],[5,50]]";
        var alone = await PredictAsync(First, Second, "[[4,40],[5,50]]");
        Assert.All(alone, prediction => Assert.Equal(["class", "probability", "probabilities"], Keys(prediction)));
        await _fixture.Host.DrainAsync(CancellationToken.None);

        var predictions = await PredictAsync(Second, Long);
        Assert.True(JsonNode.DeepEquals(alone[1], predictions[0]));
        Assert.Equal(["windows"], Keys(predictions[1]));
        var windows = predictions[1]!["windows"]!.AsArray();
        Assert.Equal(["1-4", "3-6"], windows.Select(window => $"{window!["start"]}-{window["end"]}"));
        foreach (var (window, prediction) in windows.Zip(alone))
        {
            Assert.Equal(["start", "end", .. Keys(prediction)], Keys(window));
            foreach (var key in Keys(prediction)) Assert.True(JsonNode.DeepEquals(prediction![key], window![key]), key);
        }

        // A run for each window, and a decision for each.
        var statistics = Assert.Single(await _fixture.Host.DrainAsync(CancellationToken.None));
        Assert.Equal((3, 3, 3, 3), (statistics.Count, statistics.Latency.Total(), statistics.Classes.Sum(), statistics.Confidence.Sum()));
        Assert.Equal("""{"kind":"series","channels":["heat","load"],"windows":{"length":3,"step":2,"minimum":2,"padding":"first row","""
            + $"\"maximumPerRequest\":{Limits.WindowsPerRequest}}}}}",
            (await _fixture.GetAsync("/v2/models/m")).Body["parameters"]!["instance"]!.ToJsonString());
    }

    [Fact]
    public async Task Sound_is_answered_in_seconds()
    {
        await ServeAsync(new InputForm
        {
            Sound = new Preprocessing { SampleRate = 2, Window = 4, Hop = 3 },
            Windows = new WindowForm { Length = 4, Step = 3, Minimum = 1, Padding = WindowPadding.Silence },
        }, 4, ModelTask.Outputs);
        var predictions = await PredictAsync("[1,0.5]", "[0.1,0.2,0.3,0.4,0.5,0.6,0.7]");
        Assert.Equal("""[{"outputs":{"y":[1,0.5,0,0]}},{"windows":[{"start":0,"end":2,"outputs":{"y":[0.1,0.2,0.3,0.4]}},"""
            + """{"start":1.5,"end":3.5,"outputs":{"y":[0.4,0.5,0.6,0.7]}}]}]""", predictions.ToJsonString());
    }

    [Fact]
    public async Task Request_has_so_many_windows_at_most_and_is_told_how_to_ask_for_more()
    {
        await ServeAsync(Series, 6, ModelTask.Outputs);
        var most = 3 + 2 * (Limits.WindowsPerRequest - 1);
        Assert.Equal(Limits.WindowsPerRequest, (await PredictAsync(Rows(most)))[0]!["windows"]!.AsArray().Count);
        var (status, body) = await _fixture.PredictAsync($$"""{"instances":[{{Rows(3)}},{{Rows(most)}}]}""");
        Assert.Equal(400, status);
        Assert.Equal("The instances up to 1 (counted from 0) make 1,025 windows of 3, and 1,024 are answered in one request. Ask in "
            + "several, of a long stream in parts of 2,049 rows, counted from its end and sharing 1 with the next; what is left is a part "
            + "too if it has 3 or more.", (string)body["error"]!);
        // Streams of one window are no more than they were.
        Assert.Equal(2000, (await PredictAsync([.. Enumerable.Repeat(Rows(3), 2000)])).Count);
        (status, body) = await _fixture.PredictAsync("""{"instances":[[[1,10]]]}""");
        Assert.Equal(400, status);
        Assert.StartsWith("Instance 0 (counted from 0): it has 1 rows, and the model learned from windows of 2 and more",
            (string)body["error"]!, StringComparison.Ordinal);
    }

    /// <summary>Parts that were counted from the beginning had windows that the whole stream has none of.</summary>
    [Theory]
    [InlineData(2, 5, "parts of 2,049 rows, counted from its end and sharing 1 with the next; what is left is a part too if it has 3")]
    [InlineData(3, 4, "parts of 3,072 rows, counted from its end; what is left is a part too if it has 3 or more.")]
    [InlineData(5, 9, "parts of 5,118 rows, counted from its end and leaving 2 out before the next; what is left is a part too if it has ")]
    public async Task Parts_of_a_stream_that_a_refusal_names_have_the_windows_of_the_whole(int step, int left, string advice)
    {
        var form = Series.Windows! with { Step = step, Minimum = 3 };
        await ServeAsync(Series with { Windows = form }, 6, ModelTask.Outputs);
        var part = 3 + (Limits.WindowsPerRequest - 1) * step;
        // Parts share as many rows as windows do.
        var rows = left + part - (3 - step);
        var (status, body) = await _fixture.PredictAsync($$"""{"instances":[{{Rows(rows)}}]}""");
        Assert.Equal(400, status);
        Assert.Contains(advice, (string)body["error"]!, StringComparison.Ordinal);

        var windows = (await PredictAsync(Rows(left)))[0]!["windows"]!.AsArray()
            .Concat((await PredictAsync(Rows(part, rows - part)))[0]!["windows"]!.AsArray()).ToList();
        Assert.Equal(form.Starts(rows, 3).Order(), windows.Select(window => (int)window!["outputs"]!["y"]![0]!));
    }

    [Fact]
    public async Task Stream_of_more_values_than_a_request_makes_is_told_how_long_a_part_may_be()
    {
        await ServeAsync(new InputForm
        {
            Sound = new Preprocessing { SampleRate = 8000, Window = 80000, Hop = 40000 },
            Windows = new WindowForm { Length = 80000, Step = 40000, Minimum = 1, Padding = WindowPadding.Silence },
        }, 80000, ModelTask.Outputs);
        const int Frames = ModelInstances.MostValues / 2 + 1;
        var file = new byte[44 + 4 * Frames];
        "RIFF\0\0\0\0WAVEfmt "u8.CopyTo(file);
        "data"u8.CopyTo(file.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(20), 1);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(22), 2);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(24), 8000);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(28), 4 * 8000);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(32), 4);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(34), 16);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(40), 4 * Frames);
        var (status, body) = await _fixture.PredictAsync($$"""{"instances":[{"b64":"{{Convert.ToBase64String(file)}}"}]}""");
        Assert.Equal((400, "The instances up to 0 (counted from 0) hold 8,388,610 values, and one request makes 8,388,608. Ask in several, "
            + "of a long stream in parts of 4,160,000 samples, counted from its beginning and sharing 40,000 with the next; what is left "
            + "is a part too if it has 80,000 or more."), (status, (string)body["error"]!));
    }

    [Fact]
    public async Task Windows_whose_answers_would_not_fit_are_refused_after_the_first_and_fewer_are_answered()
    {
        var path = new OnnxFile()
            .Input("x", OnnxType.Float, -1, 6)
            .Output("y", OnnxType.Float, -1, 8400)
            .Constant<long>("repeats", OnnxType.Int64, [1, 1400], 2)
            .Node("Tile", ["x", "repeats"], ["y"])
            .Metadata(InputForm.Key, Series.Write())
            .Save(Path.Combine(_fixture.Folder, "wide.onnx"));
        await _fixture.Host.ActivateAsync([HostFixture.Model(path, 1, "m") with { Task = ModelTask.Outputs }], CancellationToken.None);
        // What other tests have run is not counted.
        await _fixture.Host.DrainAsync(CancellationToken.None);
        var most = 3 + 2 * (Limits.WindowsPerRequest - 1);
        var (status, body) = await _fixture.PredictAsync($$"""{"instances":[{{Rows(most)}}]}""");
        Assert.Equal((400, "1,024 answers of 8,400 values are more than one request is answered with, 8,388,608 values: ask in several, of "
            + "998 windows at most."), (status, (string)body["error"]!));
        Assert.Equal(1, Assert.Single(await _fixture.Host.DrainAsync(CancellationToken.None)).Count);
        var windows = (await PredictAsync(Rows(7)))[0]!["windows"]!.AsArray();
        Assert.Equal((3, 8400), (windows.Count, windows[2]!["outputs"]!["y"]!.AsArray().Count));
    }

    private static string Rows(int count, int first = 0)
        => JsonSerializer.Serialize(Enumerable.Range(first, count).Select(row => new { heat = row, load = -row, time = "8:00" }));

    private static IEnumerable<string> Keys(JsonNode? node) => node!.AsObject().Select(pair => pair.Key);

    private async Task<JsonArray> PredictAsync(params string[] instances)
    {
        var (status, body) = await _fixture.PredictAsync($$"""{"instances":[{{string.Join(',', instances)}}]}""");
        Assert.True(status == 200, body.ToJsonString());
        return body["predictions"]!.AsArray();
    }

    // A model that answers its input, whatever the shape.
    private Task ServeAsync(InputForm form, int width, ModelTask task, params string[] classes)
    {
        var path = new OnnxFile()
            .Input("x", OnnxType.Float, -1, width)
            .Output("y", OnnxType.Float, -1, width)
            .Node("Identity", ["x"], ["y"])
            .Metadata(InputForm.Key, form.Write())
            .Save(Path.Combine(_fixture.Folder, $"windows-{Guid.NewGuid():n}.onnx"));
        return _fixture.Host.ActivateAsync([HostFixture.Model(path, 1, "m", classes) with { Task = task }], CancellationToken.None);
    }
}
