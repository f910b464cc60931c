using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary><c>fleet models build --local</c>: a YAML and no server; the worker's program does it, this one shows it.</summary>
public sealed class LocalBuildTests : IDisposable
{
    private const string Quick = """
        model: quick
        data: { kind: vibration, samples: 600 }
        teacher: { family: conv1d, width: 4, training: { epochs: 4, augment: false } }
        student: { family: conv1d, width: 4 }
        distillation: { training: { epochs: 4, augment: false }, fineTuneEpochs: 0 }
        quantization: { profiles: [x64], schemes: [int8-weights], calibrationSamples: 16, maximumDrop: 1, effort: fast }
        gate: { accuracyTolerance: 1, validationSamples: 20 }
        """;

    private readonly TemporaryFolder _folder = new();
    private readonly ShellUnderTest _fleet = new();

    public void Dispose()
    {
        _fleet.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Spec_is_built_here_and_shown_beside_simple_models()
    {
        await File.WriteAllTextAsync(_folder["quick.yaml"], Quick);
        var code = await _fleet.RunAsync("models", "build", _folder["quick.yaml"], "--local", "--out", _folder["built"]);
        Assert.True(code == 0, _fleet.Error);
        Assert.Matches(@"(?m)^teacher +conv1d, width 4", _fleet.Output);
        Assert.Matches(@"(?m)^majority +always '", _fleet.Output);
        Assert.Matches(@"(?m)^labels-alone +the same student on the labels alone", _fleet.Output);
        Assert.Contains($"Report  {_folder["built", "report.html"]}", _fleet.Output, StringComparison.Ordinal);
        Assert.Contains("Training the teacher", _fleet.Error, StringComparison.Ordinal);
        var report = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(_folder["built", "report.json"]), FleetJson.Strict.BuildReport)!;
        Assert.Contains(report.Variants, variant => variant.Id == "x64-int8-weights");
    }

    [Fact]
    public async Task What_cannot_be_built_is_a_sentence_and_a_code()
    {
        await File.WriteAllTextAsync(_folder["none.yaml"], Quick.Replace("kind: vibration, samples: 600", "kind: npz, train: none.npz",
            StringComparison.Ordinal));
        Assert.Equal(1, await _fleet.RunAsync("models", "build", _folder["none.yaml"], "--local", "--out", _folder["built"]));
        Assert.Contains("none.npz", _fleet.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["built"]));
        Assert.Equal(2, await _fleet.RunAsync("models", "build", _folder["none.yaml"], "--out", _folder["built"]));
        Assert.Contains("--out is for a build on this machine (--local)", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_alone_becomes_a_model_and_the_spec_that_makes_it_again()
    {
        // A bump that is early or late in 24 values.
        var random = new Random(3);
        await File.WriteAllLinesAsync(_folder["bumps_TRAIN.txt"], Enumerable.Range(0, 60).Select(sample => string.Join(' ', Enumerable
            .Range(0, 24).Select(i => (i / 12 == sample % 2 ? 1 : 0) + 0.2 * random.NextDouble()).Prepend(1 + sample % 2)
            .Select(value => value.ToString("0.000", CultureInfo.InvariantCulture)))));
        var code = await _fleet.RunAsync(
            "models", "build", "--data", _folder["bumps_TRAIN.txt"], "--budget", "6kB,10s", "--minutes", "0.05", "--out", _folder["built"]);
        Assert.True(code == 0, _fleet.Error);
        Assert.Contains("ucr: classification, samples of 1 x 24", _fleet.Output, StringComparison.Ordinal);
        Assert.Matches("(?m)^(mlp|conv1d) .* \\* built$", _fleet.Output);
        Assert.EndsWith($"Next    fleet models build {_folder["built", "spec.yaml"]} --wait makes it again on a server; fleet releases "
            + "create BUILD releases it", _fleet.Output.TrimEnd(), StringComparison.Ordinal);
        var found = Report("built").Search!.Found;
        Assert.Equal("bumps", found.Model);
        Assert.False(found.Student!.IsSearched);
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)),
            (found.Student.Budget!.MaximumLatencyP95, found.Gate.MaximumLatencyP95));
        Assert.Contains("aboveFloor: 0", await File.ReadAllTextAsync(_folder["built", "spec.yaml"]), StringComparison.Ordinal);
        Assert.All(Report("built").Variants.Where(variant => variant.Accepted), variant => Assert.InRange(variant.Bytes!.Value, 1, 6000));

        using var again = new ShellUnderTest();
        code = await again.RunAsync("models", "build", _folder["built", "spec.yaml"], "--local", "--out", _folder["again"]);
        Assert.True(code == 0, again.Error);
        Assert.Null(Report("again").Search);
        Assert.Equal((found.Student.Budget, found.Gate.MaximumLatencyP95),
            (Report("again").Spec.Student!.Budget, Report("again").Spec.Gate.MaximumLatencyP95));
        Assert.Equal(Report("built").Student.Description, Report("again").Student.Description);
        Assert.Equal(await File.ReadAllBytesAsync(_folder["built", "student.onnx"]),
            await File.ReadAllBytesAsync(_folder["again", "student.onnx"]));
    }

    [Theory]
    [InlineData("Name a build spec, or data with --data.", "models", "build")]
    [InlineData("Name a build spec, or data with --data.", "models", "build", "x.yaml", "--data", "x.csv")]
    [InlineData("--budget goes with --data; beside a spec it stands in x.yaml.", "models", "build", "x.yaml", "--budget", "50kB")]
    [InlineData("is neither a size such as 50kB nor a duration such as 5ms", "models", "build", "--data", "x.csv", "--budget", "50")]
    [InlineData("seeds 1 must be within 2..20", "models", "build", "--data", "x.csv", "--seeds", "1")]
    [InlineData("student.minutes -1 must be above 0", "models", "build", "--data", "x.csv", "--minutes", "-1")]
    [InlineData("--profile names one: leave one out", "models", "build", "--data", "x.csv", "--profile", "x64", "--device", "d")]
    [InlineData("--rollout needs the device that the model goes to", "models", "build", "--data", "x.csv", "--rollout")]
    [InlineData("--rollout goes with --data; beside a spec 'fleet rollouts start' does it.", "models", "build", "x.yaml", "--rollout")]
    [InlineData("--device time files, which are of one profile: leave all but its own out of --profile.", "models", "build", "--data",
        "x.csv", "--device", "d", "--rollout", "--budget", "5ms", "--profile", "x64,arm-cpu")]
    [InlineData("--teacher none.onnx does not exist.", "models", "build", "--data", "x.csv", "--teacher", "none.onnx")]
    [InlineData("--teacher goes with --data; beside a spec it stands in x.yaml.", "models", "build", "x.yaml", "--teacher", "t.onnx")]
    [InlineData("--minutes bounds a search, and --task anomaly searches no student",
        "models", "build", "--data", "x.csv", "--task", "anomaly", "--minutes", "5")]
    [InlineData("--kind 'words' is not known", "models", "build", "--data", "x.csv", "--kind", "words")]
    [InlineData("--task 'colour' is not one of classification", "models", "build", "--data", "x.csv", "--task", "colour")]
    public async Task What_does_not_go_together_is_said(string says, params string[] arguments)
    {
        Assert.Equal(2, await _fleet.RunAsync(arguments));
        Assert.Contains(says, _fleet.Error.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Anomaly_task_asks_which_of_several_folders_are_normal()
    {
        Directory.CreateDirectory(_folder["parts", "good"]);
        Directory.CreateDirectory(_folder["parts", "scratched"]);
        Assert.Equal(2, await _fleet.RunAsync("models", "build", "--data", _folder["parts"], "--task", "anomaly"));
        Assert.Contains("has the folders good, scratched, and --task anomaly learns from normal samples alone",
            _fleet.Error.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    private BuildReport Report(string folder) => JsonSerializer.Deserialize(
        File.ReadAllBytes(_folder[folder, "report.json"]), FleetJson.Strict.BuildReport)!;
}
