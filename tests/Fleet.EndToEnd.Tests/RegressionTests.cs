using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>A model that predicts a number goes the whole way: from a table over time to a device that serves it by its error.</summary>
[Collection(nameof(OneFleet))]
public sealed class RegressionTests(FleetFixture fleet) : IDisposable
{
    private const int Window = 8;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Prediction_is_judged_on_the_device_by_its_error_and_one_that_misses_is_never_served()
    {
        var good = await fleet.BuiltAsync(Spec(new GateSpec { AccuracyTolerance = 0.5, ValidationSamples = 40 }));
        Assert.Equal(ModelTask.Regression, good.TaskOf());
        Assert.Equal("cycles", good.Student.Scores.Find("rmse")!.Unit);

        await using var agent = await fleet.AgentAsync("wear", "wear-1");
        var active = await fleet.RolledOutAsync("wear", 1, RolloutStatus.Succeeded);
        var measured = Assert.IsType<Scores>(active.Measured).Find("rmse")!;
        Assert.Equal(("cycles", MetricDirection.Lower), (measured.Unit, measured.Better));
        Assert.InRange(measured.Value, 1e-6, 1.5 * good.Variants.First(variant => variant.Chosen).Scores!.Find("rmse")!.Value);
        await RowsAreAnsweredByWindowAndTalliedAsync(agent);

        var strict = new GateSpec { Thresholds = [new Threshold { Metric = "rmse", Maximum = 0.001 }], ValidationSamples = 40 };
        await fleet.BuiltAsync(Spec(strict));
        var refused = await fleet.RolledOutAsync("wear", 2, RolloutStatus.Aborted);
        Assert.Equal(DeploymentFailure.GateMissed, refused.Failure);
        Assert.Matches(@"^RMSE [\d.]+ is above the allowed 0\.001\.$", refused.Detail);
        Assert.Equal(1, Assert.Single((await fleet.Server.DeviceAsync("wear-1")).Models).ActiveVersion);
    }

    /// <summary>
    /// An application sends the rows of a machine and is answered for each window as if it had sent its tensor alone; operators are told
    /// mean, deviation and range of the predictions, one for each run of the model.
    /// </summary>
    private async Task RowsAreAnsweredByWindowAndTalliedAsync(RunningAgent agent)
    {
        var address = await agent.InferenceAsync();
        using var http = new HttpClient();
        async Task<JsonNode> AskAsync(string path, object request)
        {
            using var answer = await http.PostAsJsonAsync(new Uri(address, path), request);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return JsonNode.Parse(text)!;
        }
        var rows = File.ReadLines(_folder["wear.txt"]).Select(line => line.Split(' ')).TakeWhile(fields => fields[0] == "1")
            .Select(fields => fields.Skip(2).Select(field => float.Parse(field, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        var predictions = (await AskAsync("/v1/models/wear:predict", new { instances = new[] { rows, rows[..Window] } }))["predictions"]!;
        var windows = predictions[0]!["windows"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, rows.Length - Window + 1).Select(start => (start, start + Window)),
            windows.Select(window => ((int)window!["start"]!, (int)window["end"]!)));

        var described = (await http.GetFromJsonAsync<JsonNode>(new Uri(address, "/v2/models/wear")))!["inputs"]![0]!;
        var predicted = windows.Select(window => (float)window!["value"]!).ToList();
        Assert.Equal(predicted[0], (float)predictions[1]!["value"]!);
        predicted.Add(predicted[0]);
        foreach (var (start, value) in predicted[..^1].Index().ToArray())
        {
            var alone = await AskAsync("/v2/models/wear/infer", new
            {
                inputs = new[]
                {
                    new
                    {
                        name = (string)described["name"]!, datatype = "FP32", shape = (int[])[1, 2, Window],
                        data = Enumerable.Range(0, 2).SelectMany(channel => rows[start..(start + Window)].Select(row => row[channel])),
                    },
                },
            });
            predicted.Add((float)alone["outputs"]![0]!["data"]![0]!);
            Assert.Equal(predicted[^1], value);
        }
        Assert.True(predicted.Distinct().Count() > windows.Count / 2, "The machine wears, and the model says the same all the time.");

        var view = await fleet.TalliedAsync("wear-1", "wear", predicted.Count);
        var values = Assert.Single(view.Values!);
        Assert.Equal(predicted.Count, values.Count);
        Assert.Equal(predicted.Average(), values.Mean, 1e-3 * (1 + Math.Abs(predicted.Average())));
        Assert.Equal((predicted.Min(), predicted.Max()), ((float)values.Minimum, (float)values.Maximum));
        Assert.Empty(view.Classes);
        Assert.Null(view.Boxes);

        Assert.Contains("wear-1, wear: predicted ", await fleet.ToldAsync("wear-1", "wear"), StringComparison.Ordinal);
    }

    // Machines that wear at a rate of their own; two sensors show it, one in thousands and one in hundredths.
    private BuildSpec Spec(GateSpec gate)
    {
        var random = new Random(1);
        var lines = Enumerable.Range(1, 24).SelectMany(machine =>
        {
            var life = random.Next(24, 40);
            return Enumerable.Range(1, life).Select(time =>
            {
                var (wear, heat) = ((double)time / life, random.NextDouble());
                var (speed, pressure) = (9000 + 20 * wear + heat, 0.5 - 0.02 * wear + 0.001 * random.NextDouble());
                return string.Create(CultureInfo.InvariantCulture, $"{machine} {time} {speed:0.000} {pressure:0.00000}");
            });
        });
        File.WriteAllLines(_folder["wear.txt"], lines);
        var training = new TrainingSpec { Epochs = 3, BatchSize = 32 };
        return new BuildSpec
        {
            Model = "wear",
            Data = new DataSpec
            {
                Kind = "series",
                Task = ModelTask.Regression,
                LabelUnit = "cycles",
                Train = _folder["wear.txt"],
                Series = new SeriesSpec { Unit = "1", Without = ["2"], Window = Window, MaximumRemaining = 20 },
            },
            Teacher = new TeacherSpec { Family = "conv1d", Width = 4, Training = training },
            Student = new StudentSpec { Family = "conv1d", Width = 4 },
            Distillation = new DistillationSpec { Training = training, FineTuneEpochs = 0 },
            Quantization = FleetFixture.OneVariant with { MinimumSignalToNoise = 5 },
            Gate = gate,
        };
    }
}
