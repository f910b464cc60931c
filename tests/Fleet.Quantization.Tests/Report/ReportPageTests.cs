using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Report;

namespace Fleet.Quantization.Tests.Report;

public sealed partial class ReportPageTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Page_stands_alone(bool build)
    {
        var page = build ? ReportPage.Render(Report("vibration")) : ReportPage.Render(Own("model.onnx"));
        // For a look at it: FLEET_REPORT_PAGE=/tmp/report
        if (Environment.GetEnvironmentVariable("FLEET_REPORT_PAGE") is { } path)
            File.WriteAllText($"{path}-{(build ? "build" : "own")}.html", page);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("src=", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("href=", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", page, StringComparison.Ordinal);
        Assert.Matches("width=device-width", page);
        Assert.Matches("prefers-color-scheme: dark", page);
    }

    [Fact]
    public void Figures_in_the_table_are_those_of_the_report()
    {
        var report = Report("vibration");
        var page = ReportPage.Render(report);
        Assert.Equal(
            [
                "x64-int8", "★ chosen", "int8-static-u8s8 percentile calibration", "67.1 kB 28.1 % of fp32", "97.6 % 0.09 points lost",
                "99.3 %", "81 µs 1.46× as fast", "12.5 µJ", "61.34 MB",
            ], Cells(page, "x64-int8"));
        Assert.Equal(
            [
                "arm-cpu-int8", "★ chosen", "int8-static-s8s8", "67.1 kB 28.1 % of fp32", "97.6 % 0.09 points lost", "99.2 %",
                "not measured", "not measured", "not measured",
            ], Cells(page, "arm-cpu-int8"));
        Assert.Equal("✕ rejected", Cells(page, "jetson-int8")[1]);
        Assert.Equal(["fp32", "", "the model itself", "239 kB", "97.7 %", "–", "118 µs", "not measured", "not measured"],
            Cells(page, "fp32"));
        // The same again from the report itself, for every variant.
        Assert.All(report.Variants, variant =>
        {
            var cells = Cells(page, variant.Id);
            Assert.EndsWith($" {variant.Artifact!.Bytes * 100.0 / report.Student.Bytes:0.0} % of fp32", cells[3], StringComparison.Ordinal);
            Assert.Equal($"{variant.Scores!.Accuracy * 100:0.0} % {variant.Drop * 100:0.00} points lost", cells[4]);
            Assert.Equal($"{variant.Scores.Agreement * 100:0.0} %", cells[5]);
        });
    }

    [Fact]
    public void Predicted_numbers_are_told_by_their_error_and_nothing_is_called_accuracy()
    {
        var page = ReportPage.Render(Cycles());
        Assert.Equal([
            "x64-int8", "★ chosen", "int8-static-u8s8", "29.1 kB 12.2 % of fp32", "15.7 cycles 0.06 cycles better",
            "not measured", "not measured",
        ], Cells(page, "x64-int8"));
        Assert.Equal("20.3 cycles 4.54 cycles worse", Cells(page, "jetson-fp16")[4]);
        Assert.Equal("15.76 cycles", Cells(page, "fp32")[4]);
        Assert.Contains("RMSE is 20.3 cycles, and 15.76 cycles of the float model", page, StringComparison.Ordinal);
        Assert.Contains("whose RMSE is more than 1 % worse is rejected", page, StringComparison.Ordinal);
        Assert.Contains("+1.25 cycles", page, StringComparison.Ordinal);
        Assert.Contains("Size and RMSE", page, StringComparison.Ordinal);
        Assert.DoesNotContain("accura", page[..page.IndexOf("<details class=\"asked\"", StringComparison.Ordinal)],
            StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Agreement", page, StringComparison.Ordinal);
        // Better is further up: the smaller error has the smaller height.
        var points = ReportCharts.Points(ReportView.Of(Cycles()), "jetson", variant => variant.Artifact?.Bytes, 239_004);
        Assert.Equal(["fp32", "fp16"], points.OrderByDescending(point => point.Quality).Select(point => point.Name));
    }

    [Fact]
    public void Without_labels_the_figures_are_decibels()
    {
        var page = ReportPage.Render(Own("model.onnx"));
        Assert.Equal([
            "x64-int8", "★ chosen", "int8-static-u8s8 minmax calibration", "300 kB 30.0 % of fp32", "31.4 dB cosine 0.9996", "99.2 %",
            "410 µs 2.10× as fast", "74.2 MB",
        ], Cells(page, "x64-int8"));
        Assert.Contains("Not measured: this machine has no energy counters", page, StringComparison.Ordinal);
        Assert.Equal("exact", Cells(page, "fp32")[4]);
        Assert.Contains("8 of held-out.npz", page, StringComparison.Ordinal);
        Assert.Contains("12.5 dB is rejected", page, StringComparison.Ordinal);
        Assert.DoesNotContain("points lost", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_variant_is_there_and_a_rejected_one_says_why()
    {
        var page = ReportPage.Render(Report("vibration"));
        Assert.All(["x64-int8", "arm-cpu-int8", "jetson-int8", "jetson-fp16"],
            id => Assert.Contains($"data-variant=\"{id}\"", page, StringComparison.Ordinal));
        Assert.Contains("Accuracy is 0.9457, and 0.9767 of the float model", page, StringComparison.Ordinal);
        Assert.Contains("✕ rejected", page, StringComparison.Ordinal);
        Assert.Contains("hollow and crossed: rejected", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_say_why_they_stayed_float_and_what_that_is_worth()
    {
        var page = ReportPage.Render(Report("vibration"));
        Assert.Contains("2 layers stayed float, 1 layer cost most: which, and why", page, StringComparison.Ordinal);
        Assert.Contains("<tr><td>stage2/conv</td><td>Conv</td><td>stayed float: rounding it cost too much</td><td class=\"n\" "
            + "data-l=\"Worth in float\">+4.1 dB, +0.32 points</td></tr>", page, StringComparison.Ordinal);
        Assert.Contains("<tr><td>lstm</td><td>LSTM</td><td>stayed float: this technique has no form for it</td><td class=\"n\" "
            + "data-l=\"Worth in float\"><span class=\"none\">–</span></td></tr>", page, StringComparison.Ordinal);
        Assert.All(Enum.GetValues<LayerFate>(), fate => Assert.False(string.IsNullOrEmpty(ReportText.Words(fate))));
    }

    [Fact]
    public void Training_samples_are_drawn_as_what_they_are_and_words_of_theirs_are_no_markup()
    {
        var data = new DataReport
        {
            Spec = new DataSpec { Kind = "folder" },
            Task = ModelTask.Classification,
            Samples = new SampleCounts(700, 100, 200),
            SampleShape = [1, 2, 3],
            Classes = [new ClassCount("cat", 500, 70, 100), new ClassCount("<dog>", 200, 30, 100)],
            Channels = [new ValueRange("1", 0, 0.98, 0.25, 0.125)],
            Examples = [
                new SampleView([2, 3], [0, 0, 1, 1, 1, 1], "cat"), new SampleView([4], [0, 1, 0.5f, 0], "<dog>"),
                new SampleView([3], [2, 2, 2]), new SampleView([], [], "no", "say <b>\"it\"</b>"),
            ],
        };
        var page = ReportPage.Render(Report("vibration") with { Data = data });
        if (Environment.GetEnvironmentVariable("FLEET_REPORT_PAGE") is { } path) File.WriteAllText($"{path}-data.html", page);
        Assert.Contains("Folder, samples of 1 × 2 × 3: 700 to learn from, 100 to select by, 200 to judge by. 2 classes, the smallest "
            + "'<dog>' with 200 training samples.", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        // Two greys, of which the darker lies in the first row and the brighter behind it and below.
        Assert.Contains("<path fill=\"#000000\" d=\"M0 0h2v1h-2z\"/><path fill=\"#ffffff\" d=\"M2 0h1v1h-1zM0 1h3v1h-3z\"/>", page,
            StringComparison.Ordinal);
        Assert.Contains("points=\"0,48 53.3,0 106.7,24 160,48\"", page, StringComparison.Ordinal);
        Assert.Contains("<blockquote>say &lt;b&gt;&quot;it&quot;&lt;/b&gt;</blockquote><figcaption>no</figcaption>", page,
            StringComparison.Ordinal);
        Assert.DoesNotContain("<dog>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        Assert.Matches("<td>1</td><td class=\"n\" data-l=\"Smallest\">0</td><td class=\"n\" data-l=\"Largest\">0.98</td>", page);
        Assert.DoesNotContain("<h2>Data</h2>", ReportPage.Render(Report("vibration") with { Data = null }), StringComparison.Ordinal);
    }

    [Fact]
    public void Width_that_was_searched_is_told_with_what_did_not_fit()
    {
        var page = ReportPage.Render(Report("fashion") with
        {
            Widths = [
                new WidthTrial(4, 100, 10_000, true), new WidthTrial(8, 200, 30_000, false),
                new WidthTrial(6, 150, 20_000, true, TimeSpan.FromMilliseconds(0.25)),
            ],
        });
        Assert.Matches(@"of 3 tried, 6 \([^)]*, 0\.250 ms\) is the largest within the budget; 8 \([^)]*\) is not", page);
    }

    [Fact]
    public void Student_that_was_searched_stands_in_a_leaderboard_with_its_front()
    {
        SearchTrial Trial(string family, int width, long bytes, double accuracy, bool chosen = false) => new()
        {
            Family = family,
            Width = width,
            LearningRate = 2e-3,
            Augmentation = "gain",
            Parameters = 100,
            MultiplyAdds = 1000,
            Bytes = bytes,
            Rungs = accuracy == 0 ? [] : [new SearchRung(2, 250, 3, MetricValue.Of(Metric.Accuracy, accuracy), 0.012, 0.05, 1.5)],
            Chosen = chosen,
        };
        var report = Report("fashion");
        var page = ReportPage.Render(report with
        {
            Search = new SearchReport
            {
                Found = report.Spec,
                HeldOut = "3 folds of 45 training samples",
                Minutes = 10,
                ProcessorSeconds = 61,
                Notes = ["cnn 9 x 2 <left> out."],
                Trials = [Trial("conv1d", 11, 48_111, 0.98, chosen: true), Trial("mlp", 57, 19_221, 0.95), Trial("mlp", 300, 90_000, 0)],
            },
        });
        Assert.Contains("3 students were trained and judged on 3 folds of 45 training samples", page,
            StringComparison.Ordinal);
        Assert.Contains("cnn 9 x 2 &lt;left&gt; out.", page, StringComparison.Ordinal);
        Assert.Matches(
            "<tr data-trial=\"conv1d 11\"><td>conv1d 11 <strong>built</strong></td><td>gain</td><td>labels</td>.*3 x 250.*0\\.0120", page);
        Assert.Equal(3, page.Split("data-trial=").Length - 1);
        // Two marks and the line between them; what was never trained has no mark.
        var chart = page[page.IndexOf("on held-out samples", StringComparison.Ordinal)..];
        chart = chart[..chart.IndexOf("data-trial", StringComparison.Ordinal)];
        Assert.Contains("conv1d 11: ", chart, StringComparison.Ordinal);
        Assert.Contains("class=\"front\"", chart, StringComparison.Ordinal);
        Assert.DoesNotContain("mlp 300", chart, StringComparison.Ordinal);
        Assert.DoesNotContain("data-search", ReportPage.Render(report), StringComparison.Ordinal);
    }

    [Fact]
    public void Made_up_samples_are_called_that()
    {
        string Page(string calibration, string validation)
            => ReportPage.Render(Own("m.onnx") with
            {
                Calibration = new SampleSource(calibration, 32),
                Validation = new SampleSource(validation, 32),
            });
        Assert.Contains("The samples that judge are made up (synthetic)", Page("synthetic", "synthetic"), StringComparison.Ordinal);
        Assert.Contains("The samples that fixed the ranges are made up (synthetic)", Page("synthetic", "v.npz"), StringComparison.Ordinal);
        Assert.DoesNotContain("class=\"warning\"", Page("c.npz", "v.npz"), StringComparison.Ordinal);
    }

    [Fact]
    public void Names_cannot_become_markup()
    {
        const string Hostile = "<img onerror=alert(1)>\"'&";
        var variant = Report("m").Variants[0] with
        {
            Id = Hostile,
            Profile = Hostile,
            Scheme = Hostile,
            Techniques = [Hostile],
            Reasons = [Hostile],
            Layers = [new LayerReport { Layer = Hostile, Operator = Hostile, Fate = LayerFate.Costly }],
        };
        var build = Report(Hostile);
        var pages = new[]
        {
            ReportPage.Render(build with
            {
                Variants = [variant],
                MeasuredOn = Hostile,
                Student = build.Student with { Description = Hostile },
                Teacher = build.Teacher! with
                {
                    Description = Hostile,
                    Epochs = [new EpochReport(Hostile, 1, 1, Accuracy(1)), new EpochReport("b" + Hostile, 1, 1, Accuracy(1))],
                },
            }),
            ReportPage.Render(Own(Hostile) with { Variants = [variant], Calibration = new SampleSource(Hostile, 1), Sha256 = Hostile }),
        };
        Assert.All(pages, page =>
        {
            Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
            Assert.DoesNotContain("onerror=alert(1)>\"", page, StringComparison.Ordinal);
            Assert.Contains("&lt;img onerror=alert(1)&gt;&quot;", page, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Variant_that_could_not_be_made_has_a_row_and_no_mark()
    {
        var report = Report("vibration") with
        {
            Variants = [
                new VariantReport
                {
                    Id = "x64-int8",
                    Profile = "x64",
                    Scheme = "int8-static-u8s8",
                    Accepted = false,
                    Reasons = ["It has no weights."],
                },
            ],
        };
        var page = ReportPage.Render(report);
        Assert.Contains("It has no weights.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<title>int8:", page, StringComparison.Ordinal);
        Assert.Contains("nothing chosen", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Front_holds_what_nothing_beats_on_both()
    {
        ReportCharts.ChartPoint Point(string name, double cost, double quality, MarkState state = MarkState.Accepted)
            => new(name, ReportMark.Original, state, cost, quality);
        var front = ReportCharts.Front([
            Point("a", 100, 0.9), Point("b", 50, 0.8, MarkState.Chosen), Point("beaten", 120, 0.85),
            Point("rejected", 10, 0.99, MarkState.Rejected), Point("c", 200, 0.95),
        ]);
        Assert.Equal(["b", "a", "c"], front.Select(point => point.Name));
    }

    [Fact]
    public void Marks_lie_where_their_figures_are()
    {
        var chart = ReportCharts.SizeAndQuality(ReportView.Of(Own("model.onnx")), "x64")!;
        // Static int8 is drawn as circles: smaller is further left, closer is further up, and the front goes through what nothing beats.
        var marks = Circle().Matches(chart).Select(match => (X: Number(match, 1), Y: Number(match, 2), Name: match.Groups[3].Value))
            .ToDictionary(mark => mark.Name.Split(':')[0]);
        Assert.Equal("int8: 300 kB, 31.4 dB, chosen", marks["int8"].Name);
        Assert.Equal("int8-minmax: 310 kB, 22.0 dB", marks["int8-minmax"].Name);
        Assert.True(marks["int8"].X < marks["int8-minmax"].X && marks["int8"].Y < marks["int8-minmax"].Y, chart);
        var line = Front().Match(chart).Groups[1].Value.Split(' ').Select(corner => corner.Split(','))
            .Select(pair => (X: double.Parse(pair[0], CultureInfo.InvariantCulture),
                Y: double.Parse(pair[1], CultureInfo.InvariantCulture))).ToArray();
        Assert.Equal(3, line.Length);
        Assert.Equal((marks["int8"].X, marks["int8"].Y), line[1]);
        Assert.True(line.Zip(line.Skip(1)).All(pair => pair.First.X < pair.Second.X && pair.First.Y > pair.Second.Y));
        Assert.Null(ReportCharts.LatencyAndQuality(ReportView.Of(Report("vibration")), "arm-cpu"));
    }

    [Fact]
    public void Names_of_phases_do_not_lie_over_names_of_curves()
    {
        var chart = ReportCharts.Training(ReportView.Of(Report("vibration")))!;
        var texts = Label().Matches(chart).Select(match => (X: Number(match, 1), Y: Number(match, 2), Text: match.Groups[3].Value))
            .ToArray();
        var phase = texts.Single(text => text.Text == "student: fine-tuning");
        Assert.All(texts.Where(text => text != phase),
            other => Assert.True(Math.Abs(other.Y - phase.Y) > 14, $"{other} lies over {phase}"));
    }

    [Fact]
    public void Names_of_marks_beside_each_other_do_not_run_together()
    {
        var report = Own("model.onnx");
        double[] times = [0.542, 0.729, 0.623, 0.713, 0.834, 0.9];
        var alike = report.Variants.Take(times.Length).Zip(times, (variant, time) => variant with
        {
            Closeness = new Closeness(35, 0.9998, 0.99),
            Accepted = true,
            Scores = variant.Scores! with { Latency = Latency(time) },
        });
        var chart = ReportCharts.LatencyAndQuality(ReportView.Of(report with { Variants = [.. alike] }), "x64")!;
        var names = Named().Matches(chart).Select(match =>
        {
            var (x, length) = (Number(match, 1), 6.6 * match.Groups[4].Value.Length);
            return (From: match.Groups[3].Value == "end" ? x - length : x, Length: length, Y: Number(match, 2),
                Name: match.Groups[4].Value);
        }).ToArray();
        Assert.Equal(times.Length + 1, names.Length);
        Assert.All(names.SelectMany(one => names.Where(other => other != one && Math.Abs(other.Y - one.Y) < 12 && other.From >= one.From),
            (one, other) => (one, other)), pair => Assert.True(pair.other.From - pair.one.From - pair.one.Length > 6, $"{pair}"));
    }

    [Fact]
    public void Techniques_are_told_apart_without_colours()
    {
        string[] schemes = [
            "int8-static-u8s8", "int8-dynamic", "int8-weights", "int4-weights", "fp16", "qat-distillation-w4a4", "unheard-of", "fp32",
        ];
        var marks = schemes.Select(ReportMark.Of).ToArray();
        Assert.Equal(schemes.Length, marks.Select(mark => mark.Kind).Distinct().Count());
        Assert.Equal(schemes.Length, marks.Select(mark => string.Join(' ', mark.Outline)).Distinct().Count());
        Assert.All(BuildSpecRules.Schemes, scheme => Assert.NotEqual("another technique", ReportMark.Of(scheme).Words));
    }

    private static double Number(Match match, int group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private static string[] Cells(string page, string variant)
    {
        var row = Regex.Match(page, $"<tr[^>]*data-variant=\"{variant}\">(.*?)</tr>", RegexOptions.Singleline).Groups[1].Value;
        return [
            .. Cell().Matches(row).Select(
                cell => WebUtility.HtmlDecode(Tag().Replace(cell.Groups[1].Value.Replace("<small>", " ", StringComparison.Ordinal), ""))),
        ];
    }

    [GeneratedRegex("<td[^>]*>(.*?)</td>", RegexOptions.Singleline)]
    private static partial Regex Cell();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("<circle class=\"dot k0[^\"]*\" cx=\"([0-9.]+)\" cy=\"([0-9.]+)\" r=\"[0-9.]+\"><title>(.*?)</title>")]
    private static partial Regex Circle();

    [GeneratedRegex("<polyline class=\"front\" points=\"([^\"]*)\"")]
    private static partial Regex Front();

    [GeneratedRegex("<text class=\"name[a-z ]*\" x=\"([0-9.-]+)\" y=\"([0-9.-]+)\" text-anchor=\"([a-z]+)\">(.*?)</text>")]
    private static partial Regex Named();

    [GeneratedRegex("<text class=\"[a-z ]+\" x=\"([0-9.-]+)\" y=\"([0-9.-]+)\" text-anchor=\"[a-z]+\">(.*?)</text>")]
    private static partial Regex Label();
}
