using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Display;

/// <summary>The table of <c>fleet models report</c>.</summary>
public sealed class BuildTablesTests
{
    [Fact]
    public void Chosen_variant_is_marked_and_what_was_measured_stands_beside_it()
    {
        var table = Table(labelled: true);
        Assert.Matches(@"(?m)^VARIANT +SCHEME +SIZE +ACCURACY +AGREES +P50 MS +SPEED +SPEED 95 % +MEMORY +ENERGY +SETTINGS +VERDICT$",
            table);
        Assert.Matches(@"(?m)^x64-int8 +int8-static-u8s8 +65\.5 kB +97\.5 % +99\.1 % +0\.410 +2\.10x +1\.98 to 2\.24 +62\.9 MB +12\.5 uJ +"
            + @"session\.x64quantprecision=1 +\* chosen$", table);
        Assert.Matches(@"(?m)^x64-int8-dynamic .* beaten$", table);
        Assert.Matches(@"(?m)^x64-int4 .* - +est. 0.9x +- +- +- +rejected$", table);
        Assert.Matches(@"(?m)^x64-int8-stem +int8-static-u8s8-float-stem +- .* not made$", table);
        Assert.Contains("x64-int4: It collapsed.", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Seeds_stand_one_by_one_with_where_their_means_lie()
    {
        MetricValue Figure(double value) => MetricValue.Of(Metric.Accuracy, value);
        SeedsFigure Over(string name, double mean, double low, double high)
            => new(name, Figure(mean), 0.02, new MetricInterval(Metric.Accuracy.Name, low, high));
        using var output = new StringWriter { NewLine = "\n" };
        SeedTable.Write(
            new Shell(output, TextWriter.Null, outputIsTerminal: false, errorIsTerminal: false, width: 120, _ => null, TimeProvider.System),
            Report(labelled: true) with
            {
                Seeds = new SeedsReport
                {
                    CutsTest = true,
                    Each = [
                        new SeedReport(4, "mlp of width 8", 40, 10, Figure(0.9)) { LabelsAlone = Figure(0.8) },
                        new SeedReport(5, "mlp of width 8", 40, 10, Figure(0.7)) { LabelsAlone = Figure(0.8) },
                    ],
                    Networks = [Over(SeedsReport.Student, 0.8, 0.6, 1), Over(FloorReport.LabelsAlone, 0.8, 0.8, 0.8)],
                    Gains = [Over(FloorReport.LabelsAlone, 0, -0.2, 0.2)],
                },
            }, ReportMeasure.Of(Report(labelled: true)));
        var table = output.ToString();
        Assert.StartsWith("2 seeds, 4 to 5, each with test samples of its own; what is released is of seed 4, the first.", table,
            StringComparison.Ordinal);
        Assert.Matches(@"(?m)^SEED +STUDENT +STUDENT +LABELS ALONE$", table);
        Assert.Matches(@"(?m)^5 +mlp of width 8 +70\.0 % +80\.0 %$", table);
        Assert.Matches(@"(?m)^95 % .* 60\.0 to 100\.0 % +80\.0 to 80\.0 %$", table);
        Assert.Contains("the student gains 0.0 points on average over 2 seeds, paired seed by seed (-20.0 to +20.0 with a confidence of "
            + "95 %): the two cannot be told apart.", table.ReplaceLineEndings(" "), StringComparison.Ordinal);
        // Of normal samples alone variants are judged by decibels, and seeds by the mean score.
        var measure = ReportMeasure.Of(Report(labelled: false));
        var score = MetricValue.Of(Metric.MeanScore, 0.25);
        Assert.Equal("0.25", measure.Text(score));
        Assert.Equal("0.2 to 0.3", measure.IntervalOf(
            new SeedsFigure(SeedsReport.Student, score, 0.01, new MetricInterval(Metric.MeanScore.Name, 0.2, 0.3))));
    }

    [Fact]
    public void Without_labels_decibels_stand_where_accuracy_would()
    {
        var table = Table(labelled: false);
        Assert.Matches(@"(?m)^VARIANT +SCHEME +SIZE +SNR DB +AGREES ", table);
        Assert.Matches(@"(?m)^x64-int8 +int8-static-u8s8 +65\.5 kB +31\.4 +99\.1 % ", table);
        Assert.Matches(@"(?m)^model +model\.onnx ", table);
    }

    [Fact]
    public void Terminal_of_80_columns_breaks_no_name_and_no_verdict()
    {
        using var output = new StringWriter { NewLine = "\n" };
        var report = Report(labelled: true);
        BuildTables.Write(
            new Shell(output, TextWriter.Null, outputIsTerminal: true, errorIsTerminal: false, width: 80, _ => null, TimeProvider.System),
            report);
        var lines = System.Text.RegularExpressions.Regex.Replace(output.ToString(), @"\e\[[0-9;]*m", "").Split('\n');
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        foreach (var variant in report.Variants)
        {
            Assert.Contains(lines, line => line.StartsWith(variant.Id + " ", StringComparison.Ordinal)
                && line.TrimEnd().EndsWith(BuildTables.Verdict(variant).Text, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Error_of_predicted_numbers_stands_with_its_unit_and_nothing_is_called_accuracy()
    {
        Scores Of(double rmse) => new() { Metrics = [MetricValue.Of(Metric.RootMeanSquareError, rmse, "cycles")], Samples = 100 };
        var report = Report(labelled: false);
        report = report with
        {
            Task = ModelTask.Regression,
            Measure = "rmse",
            Student = report.Student with { Scores = Of(15.76) },
            Variants = [report.Variants[0] with { Scores = Of(15.7) }],
        };
        var table = Table(report);
        Assert.Matches(@"(?m)^VARIANT +SCHEME +SIZE +RMSE +P50 MS ", table);
        Assert.Matches(@"(?m)^x64-int8 +int8-static-u8s8 +65\.5 kB +15\.7 cycles ", table);
        Assert.DoesNotContain("accuracy", table, StringComparison.OrdinalIgnoreCase);
    }

    private static string Table(bool labelled) => Table(Report(labelled));

    private static string Table(BuildReport report)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter();
        BuildTables.Write(new Shell(
            output, error, outputIsTerminal: false, errorIsTerminal: false, width: 200, _ => null, TimeProvider.System), report);
        return output.ToString();
    }

    private static BuildReport Report(bool labelled)
    {
        VariantReport Of(string id, string scheme) => new()
        {
            Id = id,
            Profile = "x64",
            Scheme = scheme,
            Artifact = new ArtifactReference(id + ".onnx", new string('a', 64), 65_536),
            Scores = new Scores { Accuracy = labelled ? 0.975 : null, Agreement = 0.991, Samples = 100 },
            Closeness = new Closeness(31.4, 0.9996, 0.991),
            Accepted = true,
        };
        var time = TimeSpan.FromMilliseconds(0.41);
        var chosen = Of("x64-int8", "int8-static-u8s8");
        return new BuildReport
        {
            Spec = new BuildSpec { Model = "own", Source = new SourceSpec { Onnx = "model.onnx", Validation = "v.npz" } },
            StartedAt = DateTimeOffset.UnixEpoch,
            Duration = TimeSpan.FromSeconds(21),
            MeasuredOn = "a processor",
            DataSha256 = new string('b', 64),
            Samples = new SampleCounts(64, 0, 100),
            Classes = ["0", "1"],
            Student = new NetworkReport
            {
                Description = "model.onnx",
                Parameters = 60_000,
                Bytes = 240_000,
                Scores = new Scores { Accuracy = labelled ? 0.977 : null, Agreement = 1, Samples = 100 },
            },
            Inputs = [new TensorDescription("x", "FP32", [-1, 128])],
            Outputs = [new TensorDescription("y", "FP32", [-1, 2])],
            ValidationSet = new ArtifactReference("validation.npz", new string('c', 64), 1000),
            Variants =
            [
                chosen with
                {
                    Chosen = true,
                    Runtime = new RuntimeSettings
                    {
                        SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" },
                    },
                    SpeedUp = 2.1,
                    SpeedUpInterval = new MetricInterval("speed", 1.98, 2.24),
                    Scores = chosen.Scores! with
                    {
                        Latency = new LatencySummary(time, time, time),
                        PeakMemoryBytes = 60 << 20,
                        EnergyJoules = 12.5e-6,
                    },
                },
                Of("x64-int8-dynamic", "int8-dynamic") with { Dominated = true },
                Of("x64-int4", "int4-weights") with { Accepted = false, Reasons = ["It collapsed."], EstimatedSpeedUp = 0.9 },
                Of("x64-int8-stem", "int8-static-u8s8-float-stem") with
                {
                    Artifact = null,
                    Scores = null,
                    Closeness = null,
                    Accepted = false,
                    Reasons = ["It does not suit."],
                },
            ],
        };
    }
}
