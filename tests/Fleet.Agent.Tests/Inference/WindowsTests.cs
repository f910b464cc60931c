using System.Text.Json;
using System.Text.Json.Nodes;
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
            + "several, of a long stream in parts of 2,049 rows, each of which begins with the last 1 of the one before.",
            (string)body["error"]!);
        // Streams of one window are no more than they were.
        Assert.Equal(2000, (await PredictAsync([.. Enumerable.Repeat(Rows(3), 2000)])).Count);
        (status, body) = await _fixture.PredictAsync("""{"instances":[[[1,10]]]}""");
        Assert.Equal(400, status);
        Assert.StartsWith("Instance 0 (counted from 0): it has 1 rows, and the model learned from windows of 2 and more",
            (string)body["error"]!, StringComparison.Ordinal);
    }

    private static string Rows(int count)
        => JsonSerializer.Serialize(Enumerable.Range(0, count).Select(row => new { heat = row, load = -row, time = "8:00" }));

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
