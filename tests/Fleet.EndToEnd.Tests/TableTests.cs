using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Validation;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>A table goes the whole way: from a CSV to a device that is asked with rows as the file has them.</summary>
[Collection(nameof(OneFleet))]
public sealed class TableTests(FleetFixture fleet) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Device_is_asked_with_a_row_of_the_table_and_answers_with_a_class()
    {
        await fleet.BuiltAsync(Spec());
        await using var agent = await fleet.AgentAsync("people", "people-1");
        var active = await fleet.RolledOutAsync("people", 1, RolloutStatus.Succeeded);
        Assert.InRange(Assert.IsType<Scores>(active.Measured).Find("accuracy")!.Value, 0.75, 1);

        var address = await agent.InferenceAsync();
        using var http = new HttpClient();
        var described = (await http.GetFromJsonAsync<JsonNode>(new Uri(address, "/v2/models/people")))!;
        var columns = described["parameters"]!["instance"]!["columns"]!;
        Assert.Equal("age work since", string.Join(' ', columns.AsArray().Select(column => (string)column!["name"]!)));

        using var answer = await http.PostAsJsonAsync(new Uri(address, "/v1/models/people:predict"), new
        {
            instances = new object[]
            {
                new { age = 70, work = "own firm", since = "1999-05-01" },
                new { age = "22", work = "state, local", since = "2019-05-01" },
                new { age = (int?)null, work = "navy", since = "" },
            },
        });
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        var predictions = JsonNode.Parse(text)!["predictions"]!;
        Assert.Equal("high low", $"{predictions[0]!["class"]} {predictions[1]!["class"]}");
        Assert.All(predictions.AsArray(), prediction => Assert.Equal(1,
            (double)prediction!["probabilities"]!["high"]! + (double)prediction["probabilities"]!["low"]!, 1e-4));
        Assert.Equal("""["work"]""", predictions[2]!["unknown"]!.ToJsonString());
        Assert.Equal(3, (await fleet.TalliedAsync("people-1", "people", 1)).Classes.Sum());
    }

    // Who is older and has a firm earns more; ages and dates have gaps.
    private BuildSpec Spec()
    {
        var random = new Random(1);
        string[] works = ["own firm", "state, local", "private"];
        File.WriteAllLines(_folder["people.csv"], Enumerable.Range(0, 300).Select(row =>
        {
            var (age, work) = (random.Next(18, 80), random.Next(3));
            var since = new DateTime(1990, 1, 1).AddDays(random.Next(12_000)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            var income = age + (work == 0 ? 30 : 0) > 60 ? "high" : "low";
            return $"{(row % 11 == 0 ? "?" : age)},\"{works[work]}\",{(row % 13 == 0 ? "" : since)},{income}";
        }).Prepend("age,work,since,income"));
        var training = new TrainingSpec { Epochs = 20, BatchSize = 16 };
        return new BuildSpec
        {
            Model = "people",
            Data = new DataSpec { Train = _folder["people.csv"], LabelColumn = "income" },
            Teacher = new TeacherSpec { Family = "mlp", Width = 16, Training = training },
            Student = new StudentSpec { Family = "mlp", Width = 8 },
            Distillation = new DistillationSpec { Training = training, FineTuneEpochs = 0 },
            Quantization = FleetFixture.OneVariant,
            Gate = new GateSpec { AccuracyTolerance = 0.1, ValidationSamples = 40 },
        };
    }
}
