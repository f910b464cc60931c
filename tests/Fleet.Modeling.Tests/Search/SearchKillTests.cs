using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Search;

/// <summary>A search for a student in the worker's own program, killed and run again.</summary>
public sealed class SearchKillTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Search_killed_in_the_middle_goes_on_and_repeats_no_finished_trial()
    {
        await WriteSpecAsync();
        ChildProcess Start() => ChildProcess.Start(Programs.Modeling, ["build", _folder["spec.json"], "--out", _folder["out"]]);
        string[] Kept() => Directory.Exists(_folder["out", "unfinished"])
            ? Directory.GetFiles(_folder["out", "unfinished"], "search-*x*-*.json") : [];
        await using (var first = Start())
        {
            await Eventually.TrueAsync("two trials are kept", () => Kept().Length >= 2 || first.HasExited, Deadline, () => first.Output);
            first.Kill();
            await first.WaitForExitAsync(Deadline);
        }
        Assert.False(File.Exists(_folder["out", "report.json"]));
        double[] spent = [
            .. Kept().Select(file => (double)JsonNode.Parse(File.ReadAllText(file))!["Rung"]!["ProcessorSeconds"]!),
        ];
        Assert.NotEmpty(spent);

        await using (var second = Start())
        {
            var code = await second.WaitForExitAsync(Deadline);
            Assert.True(code == 0, second.Output);
        }
        var report = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(_folder["out", "report.json"], TestContext.Current.CancellationToken),
            FleetJson.Strict.BuildReport)!;
        SearchRung[] rungs = [.. report.Search!.Trials.SelectMany(trial => trial.Rungs)];
        // A trial that ran again would have taken another time.
        Assert.All(spent, seconds => Assert.Contains(rungs, rung => rung.ProcessorSeconds == seconds));
        Assert.True(rungs.Length > spent.Length, $"{rungs.Length} trials in all, {spent.Length} before the kill");
    }

    // A table, which few and small families take.
    private async Task WriteSpecAsync()
    {
        var random = new Random(1);
        await File.WriteAllLinesAsync(_folder["t.csv"], Enumerable.Range(0, 200).Select(_ => random.NextDouble()).Select(value
            => string.Create(CultureInfo.InvariantCulture, $"{value:0.000},{random.NextDouble():0.000},{(value > 0.5 ? "on" : "off")}"))
            .Prepend("a,b,y"));
        await File.WriteAllTextAsync(_folder["spec.json"], JsonSerializer.Serialize(new BuildSpec
        {
            Model = "killed",
            Data = new DataSpec { Train = _folder["t.csv"], LabelColumn = "y" },
            Teacher = new TeacherSpec { Family = StudentSpec.Auto },
            Student = new StudentSpec { Family = StudentSpec.Auto, Minutes = 0.05 },
            Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-weights"], Effort = "fast" },
        }, FleetJson.Default.BuildSpec));
    }
}
