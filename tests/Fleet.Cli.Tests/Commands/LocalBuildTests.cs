using System.Text.Json;
using Fleet.Contracts;
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
}
