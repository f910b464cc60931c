using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Tasks;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>Real streams go the whole way: each window of a stream is answered by the device as if it were asked for alone.</summary>
[Collection(nameof(OneFleet))]
public sealed class StreamTests(FleetFixture fleet) : IDisposable
{
    private const double Same = 1e-4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public async Task Life_of_a_turbofan_engine_is_answered_from_its_first_window_to_its_last()
    {
        const int Window = 50;
        var engines = File.ReadLines(SharedData.PathOf("cmapss", "train_FD001.txt")).TakeWhile(line => !line.StartsWith("25 ",
            StringComparison.Ordinal)).ToArray();
        File.WriteAllLines(_folder["train.txt"], engines);
        await using var agent = await ServedAsync("turbofan", "mlp", new DataSpec
        {
            Kind = "series",
            Task = ModelTask.Regression,
            Train = _folder["train.txt"],
            Series = new SeriesSpec
            {
                Unit = "1",
                Without = ["2", "3", "4", "5"],
                Window = Window,
                MinimumRows = 30,
                Step = 4,
                MaximumRemaining = 125,
            },
        });
        var address = await agent.InferenceAsync();

        // An application sends whole records; the model takes some of their fields.
        var rows = engines.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(fields => fields[0] == "1")
            .Select(fields => fields.Index().ToDictionary(field => $"{field.Index + 1}",
                field => double.Parse(field.Item, CultureInfo.InvariantCulture))).ToArray();
        var windows = (await AskAsync(address, "turbofan", [rows]))[0]!["windows"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, (rows.Length - Window) / 4 + 1).Select(number => rows.Length - 4 * number).Reverse(),
            windows.Select(window => (int)window!["end"]!));
        var alone = await AskAsync(address, "turbofan", [.. windows.Select(window => rows[(int)window!["start"]!..(int)window["end"]!])]);
        Assert.All(windows.Zip(alone), pair => Assert.Equal((double)pair.Second!["value"]!, (double)pair.First!["value"]!, Same));
        // One that has hardly begun is filled in front, as it was in training.
        Assert.Equal(
            (double)(await AskAsync(address, "turbofan", [Enumerable.Repeat(rows[0], Window - 30).Concat(rows[..30])]))[0]!["value"]!,
            (double)(await AskAsync(address, "turbofan", [rows[..30]]))[0]!["value"]!, Same);
    }

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public async Task Spoken_digits_are_answered_by_window_in_seconds()
    {
        var files = Directory.GetFiles(SharedData.PathOf("fsdd", "recordings"), "*_theo_1*.wav");
        foreach (var file in files) File.Copy(file, _folder[Path.GetFileName(file)]);
        await using var agent = await ServedAsync("digits", "cnn",
            new DataSpec { Train = _folder.Path, Preprocessing = new Preprocessing { Window = 1000, Hop = 400 } });
        var address = await agent.InferenceAsync();

        var bytes = File.ReadAllBytes(files.MaxBy(file => new FileInfo(file).Length)!);
        float[] samples = [.. Enumerable.Range(0, (bytes.Length - 44) / 2).Select(at => BitConverter.ToInt16(bytes, 44 + 2 * at) / 32768f)];
        var windows = (await AskAsync(address, "digits", new { b64 = bytes }))[0]!["windows"]!.AsArray();
        Assert.Equal(
            Enumerable.Range(0, (samples.Length - 1000) / 400 + 1).Select(number => 400 * number)
                .Select(start => (start / 8000.0, (start + 1000) / 8000.0)),
            windows.Select(window => ((double)window!["start"]!, (double)window["end"]!)));
        var alone = await AskAsync(
            address, "digits", [.. windows.Index().Select(window => samples.AsSpan(400 * window.Index, 1000).ToArray())]);
        foreach (var (window, prediction) in windows.Zip(alone))
        {
            Assert.Equal((string)prediction!["class"]!, (string)window!["class"]!);
            foreach (var (name, value) in prediction["probabilities"]!.AsObject())
                Assert.Equal((double)value!, (double)window["probabilities"]![name]!, Same);
        }
    }

    private async Task<RunningAgent> ServedAsync(string model, string family, DataSpec data)
    {
        var training = new TrainingSpec { Epochs = 2, BatchSize = 32, Augment = false };
        await fleet.BuiltAsync(new BuildSpec
        {
            Model = model,
            Data = data,
            Teacher = new TeacherSpec { Family = family, Width = 4, Members = 1, Training = training },
            Student = new StudentSpec { Family = family, Width = 4 },
            Distillation = new DistillationSpec { Training = training, FineTuneEpochs = 0, CompareWithLabels = false },
            Quantization = FleetFixture.OneVariant with { MaximumDrop = 1, MinimumSignalToNoise = 0 },
            Gate = new GateSpec { AccuracyTolerance = 1, ValidationSamples = 20 },
        });
        var agent = await fleet.AgentAsync(model, $"{model}-1");
        await fleet.RolledOutAsync(model, 1, RolloutStatus.Succeeded);
        return agent;
    }

    private static async Task<JsonArray> AskAsync(Uri address, string model, params object[] instances)
    {
        using var http = new HttpClient();
        using var answer = await http.PostAsJsonAsync(new Uri(address, $"/v1/models/{model}:predict"), new { instances });
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!["predictions"]!.AsArray();
    }
}
