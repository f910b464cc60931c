using System.Text.RegularExpressions;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Display;

/// <summary>The table of <c>fleet models quantize</c>.</summary>
public sealed class VariantTablesTests
{
    [Fact]
    public void Terminal_of_80_columns_names_variants_whole_and_as_the_sentences_below_do()
    {
        var lines = Lines(Report(), outputIsTerminal: true);
        // Commands stay whole, to be copied.
        Assert.All(lines.Where(line => !line.Contains("fleet models", StringComparison.Ordinal)),
            line => Assert.InRange(line.Length, 0, 80));
        foreach (var variant in Report().Variants)
        {
            Assert.Contains(lines, line => line.StartsWith(variant.Id + " ", StringComparison.Ordinal)
                && line.EndsWith(BuildTables.Verdict(variant).Text, StringComparison.Ordinal));
        }
        Assert.Contains(lines, line => line.StartsWith("arm-cpu-int8-dynamic: Not chosen:", StringComparison.Ordinal));
    }

    [Fact]
    public void Interval_stands_beside_the_figure_that_it_is_of()
    {
        var labelled = Lines(Report(), outputIsTerminal: false);
        Assert.Contains(labelled, line => Regex.IsMatch(line,
            @"^VARIANT +SCHEME +SIZE +OF FP32 +ACCURACY +95 % +AGAINST FP32 +SNR DB +SPEED +SPEED 95 % +SETTINGS +VERDICT$"));
        Assert.Contains(labelled, line => Regex.IsMatch(line, @"^x64-int8-stem .* 72\.4 % +68\.2 to 76\.2 % +0\.00 points lost +35\.6 "));
        var close = Lines(Report() with { Labelled = false, Measure = "signalToNoise" }, outputIsTerminal: false);
        Assert.Contains(close, line => Regex.IsMatch(line, @"^VARIANT +SCHEME +SIZE +OF FP32 +SNR DB +95 % +COSINE +SPEED "));
        Assert.Contains(close, line => Regex.IsMatch(line, @"^x64-int8-stem .* 35\.6 +34\.8 to 36\.3 +0\.9999 "));
    }

    [Fact]
    public void Speed_on_batches_stands_beside_that_of_one_by_one_where_it_was_asked_for()
    {
        var report = Report();
        var timing = new BatchTiming(8, LatencySummary.OfMilliseconds(4, 5, 6), 2.5, new MetricInterval("speedUp", 2.4, 2.6));
        var lines = Lines(report with
        {
            Spec = report.Spec with { Batch = 8 },
            Variants = [report.Variants[0] with { Batch = timing }, .. report.Variants.Skip(1)],
        }, outputIsTerminal: false);
        Assert.Contains("Variants were judged on batches of 8, and the choice goes by their speed there.", lines);
        Assert.Contains(lines, line => Regex.IsMatch(line, "^VARIANT .* SPEED 95 % +BATCHED +SETTINGS"));
        Assert.Contains(lines, line => Regex.IsMatch(line, $"^{report.Variants[0].Id} .* 2\\.50x "));
        Assert.DoesNotContain(Lines(report, outputIsTerminal: false), line => line.Contains("BATCHED", StringComparison.Ordinal));
    }

    [Fact]
    public void What_holds_for_several_variants_is_said_once()
    {
        var lines = Lines(Report(), outputIsTerminal: false);
        Assert.Single(lines, line => line.Contains("stayed float", StringComparison.Ordinal));
        Assert.Contains("x64-int8-stem, arm-cpu-int8-dynamic: Weights that stayed float have 16 bits in the file.", lines);
    }

    [Fact]
    public void Doubt_of_the_labels_stands_above_the_table()
    {
        const string Doubt = "The float model itself is right in 9.6 % of the samples.";
        var lines = Lines(Report() with { Doubt = Doubt }, outputIsTerminal: false).ToList();
        Assert.InRange(lines.IndexOf(Doubt), 1, lines.FindIndex(line => line.StartsWith("VARIANT", StringComparison.Ordinal)) - 1);
        Assert.DoesNotContain(Doubt, Lines(Report(), outputIsTerminal: false));
    }

    [Fact]
    public void Commands_to_copy_quote_what_a_shell_would_take_apart()
    {
        var report = Report() with { Validation = new SampleSource("/data/it's held out.npz", 1_000) };
        Assert.Contains(Lines(report, outputIsTerminal: false),
            line => line.EndsWith("--reference m.onnx --validation '/data/it'\\''s held out.npz' --task regression --labels 'b'\\''s.npy'",
                StringComparison.Ordinal));
        Assert.Contains(Lines(report, outputIsTerminal: false),
            line => line.StartsWith("Next ", StringComparison.Ordinal) && !line.Contains("--memory", StringComparison.Ordinal));
    }

    [Fact]
    public void Models_of_an_earlier_run_in_the_folder_are_told_apart_from_those_of_this_one()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["x64-int8.onnx", "x64-int8.calib", "jetson-fp16.onnx", "m.onnx", "notes.txt"])
            File.WriteAllText(folder[name], "");
        using var output = new StringWriter { NewLine = "\n" };
        VariantTables.Write(
            new Shell(output, TextWriter.Null, outputIsTerminal: false, errorIsTerminal: false, width: 80, _ => null, TimeProvider.System),
            Report(), new QuantizedFiles(folder["m.onnx"], folder.Path) { Placed = ["x64-int8.onnx"] });
        Assert.Contains("\njetson-fp16.onnx, x64-int8.calib in the same folder: not of this run, nor in its report.\n", output.ToString(),
            StringComparison.Ordinal);
    }

    private static string[] Lines(QuantizationReport report, bool outputIsTerminal)
    {
        using var output = new StringWriter { NewLine = "\n" };
        VariantTables.Write(
            new Shell(output, TextWriter.Null, outputIsTerminal, errorIsTerminal: false, width: 80, _ => null, TimeProvider.System),
            report, new QuantizedFiles("m.onnx", "v")
            {
                ForRecipe = ["--memory", "2"],
                ForProof = ["--task", "regression", "--labels", "b's.npy"],
            });
        return Regex.Replace(output.ToString(), @"\e\[[0-9;]*m", "").Split('\n', StringSplitOptions.TrimEntries);
    }

    private static QuantizationReport Report()
    {
        VariantReport Of(string id, string scheme, bool here, string why) => new()
        {
            Id = id,
            Profile = here ? "x64" : "arm-cpu",
            Scheme = scheme,
            Artifact = new ArtifactReference(id + ".onnx", new string('c', 64), 339_455),
            Scores = new Scores { Accuracy = 0.724, Samples = 500 },
            Closeness = new Closeness(35.6, 0.9999, null),
            Intervals = [new MetricInterval("accuracy", 0.682, 0.762), new MetricInterval("signalToNoise", 34.8, 36.3)],
            Drop = 0,
            SpeedUp = here ? 0.99 : null,
            SpeedUpInterval = here ? new MetricInterval("speedUp", 0.98, 1.01) : null,
            EstimatedSpeedUp = here ? null : 1.1,
            Accepted = true,
            Chosen = id == "x64-int8",
            Reasons = id == "x64-int8" ? [] : ["Weights that stayed float have 16 bits in the file.", why],
        };
        return new QuantizationReport
        {
            Model = "m.onnx",
            Sha256 = new string('d', 64),
            Bytes = 1_149_829,
            Parameters = 281_419,
            StartedAt = new DateTimeOffset(2026, 11, 25, 18, 40, 0, TimeSpan.Zero),
            Duration = TimeSpan.FromSeconds(48),
            MeasuredOn = "AMD EPYC",
            Validation = new SampleSource("held-out.npz", 1_000),
            Labelled = true,
            Task = ModelTask.Classification,
            Measure = "accuracy",
            Spec = new QuantizationSpec { Profiles = ["x64", "arm-cpu"] },
            Original = new Scores { Accuracy = 0.724, Samples = 500 },
            Variants = [
                Of("x64-int8", "int8-static-u8s8", here: true, ""),
                Of("x64-int8-stem", "int8-static-u8s8-float-stem", here: true, "Not chosen: x64-int8 is faster."),
                Of("arm-cpu-int8-dynamic", "int8-dynamic", here: false, "Not chosen: another is smaller."),
            ],
        };
    }
}
