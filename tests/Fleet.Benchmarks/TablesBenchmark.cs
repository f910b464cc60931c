using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>Real tables with categories and missing values, as the one command builds them, beside simple models; three seeds.</summary>
internal static class TablesBenchmark
{
    private const int Seeds = 3;

    /// <summary>Names the folder of the tables.</summary>
    private const string Variable = "FLEET_TABLES";

    internal const string Weka = "/usr/share/doc/weka/examples";

    private static readonly string[] Floors = ["majority", FloorReport.Linear, "nearest"];

    /// <summary>The tables, and what is predicted; those without another file for tests are cut by each seed.</summary>
    private static readonly (string File, string? Test, string Label)[] Tables = [
        ("credit-g", null, "class"), ("soybean", null, "class"), ("vote", null, "Class"), ("breast-cancer", null, "Class"),
        ("supermarket", null, "total"), ("diabetes", null, "class"), ("segment-challenge", "segment-test", "class"),
    ];

    /// <summary>Builds every table with every seed.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var tables = Environment.GetEnvironmentVariable(Variable) ?? Weka;
        if (!File.Exists(Path.Combine(tables, Tables[0].File + ".arff")))
            throw new InvalidOperationException($"{tables} has no {Tables[0].File}.arff; Debian's package weka has, or {Variable} names a "
                + "folder that does.");
        using var folder = new TemporaryFolder();
        var text = new StringBuilder($"""
            `fleet models build` of a table and the name of its label, as `--data` writes the spec: teacher and student are searched, with a
            minute of processor time for search and training; the profile is x64. The tables are the examples of Debian's package weka;
            a fifth of each is set apart for tests by the seed where there is no file of its own. Test accuracy, with its
            interval, and the simple models of each build on the same samples; int8 is judged on the half of them that chose nothing. A
            build that is refused tells why.

            | data | training, test | classes | seed | student | accuracy | 95 % | int8 | {string.Join(" | ", Floors)} |
            |---|---:|---:|---:|---|---:|---|---:|{string.Concat(Enumerable.Repeat("---:|", Floors.Length))}

            """);
        var gains = new List<double>();
        foreach (var (file, test, label) in Tables)
        {
            for (var seed = 1; seed <= Seeds; seed++)
            {
                try
                {
                    var report = await FleetProgram.BuildAsync(folder, $$"""
                        model: {{file}}
                        seed: {{seed}}
                        data:
                          train: {{Path.Combine(tables, file)}}.arff
                          labelColumn: {{label}}
                        {{(test is null ? "" : $"  test: {Path.Combine(tables, test)}.arff")}}
                        teacher: { family: auto }
                        student: { family: auto, minutes: 1 }
                        quantization: { profiles: [x64] }
                        """, $"{file}-{seed}", cancellationToken);
                    text.AppendLine(RowOf(file, seed, report));
                    var linear = report.Floors.Single(floor => floor.Name == FloorReport.Linear).Scores.Accuracy!.Value;
                    gains.Add(report.Student.Scores.Accuracy!.Value - linear);
                }
                catch (InvalidOperationException e)
                {
                    text.AppendLine(CultureInfo.InvariantCulture, $"| {file} | | | {seed} | refused: {e.Message} |");
                }
            }
        }
        return text.AppendLine().AppendLine(CultureInfo.InvariantCulture,
            $"Over {gains.Count} builds the student is better than the linear model by {100 * gains.Average():0.0} points in the mean.")
            .ToString();
    }

    private static string RowOf(string file, int seed, BuildReport report)
    {
        var interval = report.Student.Intervals.Single(one => one.Name == Metric.Accuracy.Name);
        var int8 = report.Variants.FirstOrDefault(variant => variant.Id == "x64-int8")?.Scores?.Accuracy;
        var floors = string.Concat(Floors.Select(
            name => $"{Text(report.Floors.FirstOrDefault(one => one.Name == name)?.Scores.Accuracy)} | "));
        return string.Create(CultureInfo.InvariantCulture,
            $"| {file} | {report.Samples.Training + report.Samples.Validation}, {report.Samples.Test} | {report.Classes.Count} | {seed} | "
                + $"{report.Student.Description} | {Text(report.Student.Scores.Accuracy)} | "
                + $"{Text(interval.Low)} to {Text(interval.High)} | {Text(int8)} | {floors}");
    }

    private static string Text(double? share) => share?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
}
