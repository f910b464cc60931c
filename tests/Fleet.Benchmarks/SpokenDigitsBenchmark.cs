using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// The Free Spoken Digit Dataset from its WAV files with no setting but the families' names, beside simple models. Recordings with an index
/// of 0 to 4 test, as the data set asks.
/// </summary>
internal static class SpokenDigitsBenchmark
{
    private const int Seeds = 3;

    private static readonly string[] Floors = ["majority", "linear", "nearest", "kernels", FloorReport.LabelsAlone];

    /// <summary>Builds it with every seed, or with that of <c>--seed N</c>.</summary>
    public static async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var asked = Array.IndexOf(arguments, "--seed") is >= 0 and var place && place + 1 < arguments.Length
            ? int.Parse(arguments[place + 1], CultureInfo.InvariantCulture) : (int?)null;
        using var folder = new TemporaryFolder();
        Manifests(folder);
        var text = new StringBuilder($"""
            `fleet models build --local` of a spec that names the recordings (index 0 to 4 test: 300 of 3,000), `cnn` of width 16 as teacher
            and of width 8 as student, the profile x64 and effort fast; all else is as it is when nothing is said: networks hear log-mel
            bands that the exported file computes itself. Test accuracy; random kernels hear the sound itself, the linear model and the
            nearest sample the bands. Of the 300, half chose what is done for the variants; `int8` and its bytes are of `x64-int8`, on the
            other half.

            | seed | heard | teacher | student | int8 | bytes | median of the student | {string.Join(" | ", Floors)} | variation |
            |---:|---|---:|---:|---:|---:|---:|{string.Concat(Enumerable.Repeat("---:|", Floors.Length))}---|

            """);
        for (var seed = asked ?? 1; seed <= (asked ?? Seeds); seed++)
        {
            var report = await FleetProgram.BuildAsync(folder, $$"""
                model: spoken-digits
                seed: {{seed}}
                data: { train: train.csv, test: test.csv }
                teacher: { family: cnn, width: 16 }
                student: { family: cnn, width: 8 }
                quantization: { profiles: [x64], effort: fast }
                """, $"seed-{seed}", cancellationToken);
            var int8 = report.Variants.Single(variant => variant.Id == "x64-int8");
            var floors = string.Concat(Floors.Select(
                floor => $"{Text(report.Floors.Single(one => one.Name == floor).Scores.Accuracy)} | "));
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {seed} | {string.Join(" x ", report.Data!.SampleShape)} | {Text(report.Teacher!.Scores.Accuracy)} | "
                    + $"{Text(report.Student.Scores.Accuracy)} | {Text(int8.Scores?.Accuracy)} | {int8.Bytes:N0} | "
                    + $"{report.Student.Scores.Latency!.P50.TotalMilliseconds:0.00} ms | {floors}"
                    + $"{report.Augmentations.Single(trial => trial.Used).Name} |");
        }
        return text.ToString();
    }

    private static void Manifests(TemporaryFolder folder)
    {
        string[] files = [
            .. Directory.GetFiles(SharedData.PathOf("fsdd", "recordings"), "*.wav").Order(StringComparer.Ordinal),
        ];
        foreach (var (name, isTest) in new[] { ("train.csv", false), ("test.csv", true) })
            File.WriteAllLines(folder[name], files.Where(file => IndexOf(file) < 5 == isTest)
                .Select(file => $"{file},{Path.GetFileName(file)[0]}").Prepend("file,label"));
    }

    private static int IndexOf(string path)
        => int.Parse(Path.GetFileNameWithoutExtension(path).Split('_')[^1], CultureInfo.InvariantCulture);

    private static string Text(double? share) => share?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
}
