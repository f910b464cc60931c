using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// What a teacher gives over the labels alone, and what int8 takes of it, on every data set that benchmarks and examples know.
/// </summary>
internal static class DistillationGainBenchmark
{
    private const int Seeds = 3;

    /// <summary>Points that int8 may lose.</summary>
    private const double MostLost = 0.3;

    /// <summary>Builds every set with every seed, or those alone whose name begins with what stands behind <c>--only</c>.</summary>
    public static async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return SharedData.Absent;
        var only = Array.IndexOf(arguments, "--only") is >= 0 and var place && place + 1 < arguments.Length ? arguments[place + 1] : "";
        using var folder = new TemporaryFolder();
        var rows = new List<Row>();
        foreach (var set in DistillationGainSet.All(folder).Where(set => set.Name.StartsWith(only, StringComparison.OrdinalIgnoreCase)))
        {
            var reports = new List<BuildReport>();
            for (var seed = 1; seed <= Seeds; seed++) reports.Add(await BuiltAsync(folder, set, seed, cancellationToken));
            rows.Add(new Row(set, reports));
            Console.Error.WriteLine(rows[^1]);
        }
        return Table(rows);
    }

    // Reports are kept, so that a run that was stopped goes on; remove the folder to build anew.
    private static async Task<BuildReport> BuiltAsync(
        TemporaryFolder folder, DistillationGainSet set, int seed, CancellationToken cancellationToken)
    {
        var kept = Repository.PathOf(".artifacts", "benchmarks", "distillation-gain", $"{set.Name}, seed {seed}.json");
        if (!File.Exists(kept))
        {
            await FleetProgram.BuildAsync(folder, $$"""
                model: gain
                seed: {{seed}}
                data: { {{set.Data}} }
                teacher: { {{set.Teacher}} }
                student: { {{set.Student}} }
                quantization: { profiles: [x64] }
                """, "build", cancellationToken);
            Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
            File.Move(folder["build", "report.json"], kept);
            Directory.Delete(folder["build"], recursive: true);
        }
        return JsonSerializer.Deserialize(await File.ReadAllTextAsync(kept, cancellationToken), FleetJson.Default.BuildReport)!;
    }

    private static string Table(IReadOnlyList<Row> rows)
    {
        double[] gains = [.. rows.Select(row => row.Gain)];
        var text = new StringBuilder($"""
            `fleet models build --local` of a spec that names the data, family and width of teacher and student, and the profile x64; all
            else is as it is when nothing is said. {Seeds} seeds; figures are their means on the test samples, which chose neither weights
            nor epochs. "Samples" are those to learn from and those that test. "Labels" is the same student without its teacher, as many
            steps, which each report holds. Figures are accuracy in percent, and differences points; of C-MAPSS they are RMSE in cycles,
            and differences are in percent of it, above zero where distilling is better. "Deviation" is that of the gain over seeds.

            **int8** is `x64-int8` against the float student on the same test samples, those that chose nothing of it; below zero it is
            better. "Sample" is what one of them is in points: fewer cannot be told. "Float" counts layers with weights that could
            have an 8-bit form and have none, over all seeds. "Simple" is the best of the simple models that each report holds.
            Each teacher learns from the same samples; what one gives that saw more is in [unlabelled.md](unlabelled.md).
            Spoken digits take longer than all of these: [spoken-digits.md](spoken-digits.md) has them, beside the labels alone.

            | data | samples | teacher; student | teacher | distilled | labels | gain | deviation | int8 lost | sample | float | simple |
            |---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---|

            """);
        foreach (var row in rows) text.AppendLine(row.ToString());
        DistillationGainSet[] worse = [.. rows.Where(row => row.Gain < -row.Deviation).Select(row => row.Set)];
        var lost = rows.Average(row => row.Lost);
        var beyond = rows.Where(row => row.Lost > MostLost).Select(row => row.Set.Name).ToArray();
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"""
            Over {rows.Count} sets the mean gain is {gains.Average():+0.00;-0.00;0.00}, p = {SignFlip.Probability(gains):0.0000}
            (two-sided, each set's mean gain with either sign: exact permutation test, of which the least is
            {2 / Math.Pow(2, rows.Count):0.0000}). int8 loses {lost:0.00;-0.00;0.00} on average.

            | required | holds |
            |---|---|
            | distilled is nowhere worse than labels by more than the deviation | {Holds([.. worse.Select(set => set.Name)])} |
            | int8 within {MostLost} points of float, on average and in each set | {(lost <= MostLost ? Holds(beyond) : "no")} |
            """);
        if (worse.Length > 0) text.AppendLine("Losses and their causes:").AppendLine();
        foreach (var set in worse) text.AppendLine(CultureInfo.InvariantCulture, $"- {set.Name}: {set.Cause ?? "the cause is not known."}");
        return text.ToString();
    }

    private static string Holds(string[] without) => without.Length == 0 ? "yes" : $"not for {string.Join(", ", without)}";

    /// <summary>What the builds of a set came to.</summary>
    private sealed record Row(DistillationGainSet Set, IReadOnlyList<BuildReport> Reports)
    {
        /// <summary>How much better the distilled student is.</summary>
        public double Gain => Gains.Average();

        /// <summary>Of the gain over seeds.</summary>
        public double Deviation => Math.Sqrt(Gains.Sum(gain => (gain - Gain) * (gain - Gain)) / (Gains.Length - 1));

        /// <summary>What int8 lost.</summary>
        public double Lost => Reports.Average(report => Scaled(Int8(report).Drop ?? double.NaN, report));

        private double[] Gains => [
            .. Reports.Select(report => Scaled(
                (Distilled(report).Value - Alone(report).Value) * (Distilled(report).Better == MetricDirection.Higher ? 1 : -1), report)),
        ];

        private int InFloat => Reports.Sum(report => Int8(report).Layers.Count(layer => layer.Fate != LayerFate.Costly));

        /// <inheritdoc/>
        public override string ToString()
        {
            string Mean(Func<BuildReport, MetricValue> of) => (Reports.Average(report => of(report).Value)
                * (of(Reports[0]).Unit == Units.Ratio ? 100 : 1)).ToString("0.00", CultureInfo.InvariantCulture);
            var (first, judged) = (Reports[0], Int8(Reports[0]).Scores!.Samples);
            var sample = Distilled(first).Unit == Units.Ratio ? (100.0 / judged).ToString("0.00", CultureInfo.InvariantCulture) : "";
            return string.Create(CultureInfo.InvariantCulture,
                $"| {Set.Name} | {first.Samples.Training + first.Samples.Validation:N0}, {first.Samples.Test:N0} | "
                    + $"{first.Teacher!.Description}; {first.Student.Description} | {Mean(Taught)} | {Mean(Distilled)} | "
                    + $"{Mean(Alone)} | {Gain:+0.00;-0.00;0.00} | {Deviation:0.00} | {Lost:0.00;-0.00;0.00} | {sample} | "
                    + $"{InFloat} | {Simple()} |");
        }

        private string Simple()
        {
            var (best, figure) = Reports[0].Floors.Where(floor => floor.Name != FloorReport.LabelsAlone)
                .Select(floor => (floor.Name, Mean: Reports.Average(report => Of(report, floor.Name).Goodness())))
                .MaxBy(floor => floor.Mean);
            var unit = Distilled(Reports[0]).Unit == Units.Ratio ? 100 : 1;
            return string.Create(CultureInfo.InvariantCulture, $"{best} {Math.Abs(unit * figure):0.00}");
        }

        private static MetricValue Taught(BuildReport report) => Deciding(report, report.Teacher!.Scores);

        private static MetricValue Distilled(BuildReport report) => Deciding(report, report.Student.Scores);

        private static MetricValue Alone(BuildReport report) => Of(report, FloorReport.LabelsAlone);

        private static MetricValue Of(BuildReport report, string floor)
            => Deciding(report, report.Floors.Single(one => one.Name == floor).Scores);

        private static MetricValue Deciding(BuildReport report, Scores scores) => scores.Deciding(report.TaskOf())!;

        private static VariantReport Int8(BuildReport report) => report.Variants.Single(variant => variant.Id == "x64-int8");

        // Points of a share; of an error percent of what it is on the labels alone.
        private static double Scaled(double difference, BuildReport report)
            => 100 * difference / (Distilled(report).Unit == Units.Ratio ? 1 : Alone(report).Value);
    }
}
