using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>deploy/examples/turbofan.yaml with several seeds, which also cut other engines that validate.</summary>
internal static class TurbofanBenchmark
{
    private const int Seeds = 3;

    private static readonly string[] Floors = ["mean", "linear", "nearest", "kernels", FloorReport.LabelsAlone];

    /// <summary>Builds it with every seed.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return SharedData.Absent;
        using var folder = new TemporaryFolder();
        var example = await File.ReadAllTextAsync(Repository.PathOf("deploy", "examples", "turbofan.yaml"), cancellationToken);
        var text = new StringBuilder($"""
            C-MAPSS FD001: RMSE in cycles over the 100 test engines at their last cycle. What remains counts as 125 cycles at most, in
            training **and in the labels of the test engines**, as most papers count; against what remains in truth figures are higher.
            `fleet models build --local` of `deploy/examples/turbofan.yaml`; a seed also says which 15 training engines validate. Nothing
            was chosen by the test engines. `int8` is `x64-int8` on all 100.

            | seed | validation | teacher | student, float | int8 | int8 bytes | left in float | {string.Join(" | ", Floors)} | seconds |
            |---:|---:|---:|---:|---:|---:|---|{string.Concat(Enumerable.Repeat("---:|", Floors.Length))}---:|

            """);
        var found = new List<double>();
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var report = await FleetProgram.BuildAsync(folder, example
                .Replace("seed: 1", $"seed: {seed}", StringComparison.Ordinal)
                .Replace("../../../shared/data", SharedData.Root, StringComparison.Ordinal), $"{seed}", cancellationToken);
            var int8 = report.Variants.Single(variant => variant.Id == "x64-int8");
            found.Add(Error(int8.Travelling ?? int8.Scores) ?? double.NaN);
            string[] left = [.. int8.Layers.Where(layer => layer.Fate != LayerFate.Costly).Select(layer => layer.Operator)];
            var chosen = report.Student.Epochs.Where(epoch => epoch.IsJudged).Min(epoch => epoch.Reached().Value);
            var simple = string.Join(" | ", Floors.Select(
                floor => Text(Error(report.Floors.FirstOrDefault(one => one.Name == floor)?.Scores))));
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {seed} | {chosen:0.00} | {Text(Error(report.Teacher?.Scores))} | {Text(Error(report.Student.Scores))} | "
                    + $"{found[^1]:0.00} | {int8.Bytes:N0} | {(left.Length == 0 ? "nothing" : string.Join(", ", left))} | {simple} | "
                    + $"{report.Duration.TotalSeconds:0} |");
        }
        return text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"""
            Mean of int8 {found.Average():0.00}, from {found.Min():0.00} to {found.Max():0.00}.

            | published | test RMSE |
            |---|---:|
            | deep LSTM (Zheng et al. 2017) | 16.14 |
            | 1-D CNN ([arXiv:2604.27234](https://arxiv.org/abs/2604.27234)) | 16.97 |
            | LSTM (the same) | 14.93 |

            The published networks differ in how they prepare the data and in whether test labels keep the limit: read the rows as the range
            to be in, not as a ranking.
            """).ToString();
    }

    private static string Text(double? error) => error?.ToString("0.00", CultureInfo.InvariantCulture) ?? "";

    private static double? Error(Scores? scores) => scores?.Find(Metric.RootMeanSquareError.Name)?.Value;
}
