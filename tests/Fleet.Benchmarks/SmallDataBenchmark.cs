using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>Series of some dozen samples, built with no setting but the families' names, beside simple models; three seeds.</summary>
internal static class SmallDataBenchmark
{
    private const int Seeds = 3;

    private static readonly string[] Floors = ["majority", "linear", "nearest", "kernels", FloorReport.LabelsAlone];

    /// <summary>Builds every set with every seed.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var text = new StringBuilder($"""
            `fleet models build --local` of a spec that names the data, `conv1d` of width 16 as teacher and of width 8 as student, the
            profile x64 and effort fast; all else is as it is when nothing is said. Test accuracy; the simple models of each
            build stand beside it.

            | data | training, test | seed | teacher | student | int8 | {string.Join(" | ", Floors)} | augmentation |
            |---|---:|---:|---:|---:|---:|{string.Concat(Enumerable.Repeat("---:|", Floors.Length))}---|

            """);
        foreach (var (name, read) in new (string, Func<string, (float[][], string[], int)>)[]
            { ("GunPoint", GunPoint), ("BasicMotions", BasicMotions) })
        {
            string[] classes = [];
            foreach (var part in (string[])["TRAIN", "TEST"])
            {
                var (samples, labels, channels) = read(part);
                if (part == "TRAIN") classes = [.. labels.Distinct().Order(StringComparer.Ordinal)];
                using var file = File.Create(folder[$"{name}_{part}.npz"]);
                NpzArchive.Write(file, [
                    new("inputs", NpyArray.Of(samples.SelectMany(sample => sample).ToArray(),
                        [samples.Length, channels, samples[0].Length / channels])),
                    new("labels", NpyArray.Of([.. labels.Select(label => (long)Array.IndexOf(classes, label))], labels.Length)),
                ]);
            }
            for (var seed = 1; seed <= Seeds; seed++)
            {
                var report = await FleetProgram.BuildAsync(folder, $$"""
                    model: {{name.ToLowerInvariant()}}
                    seed: {{seed}}
                    data: { kind: npz, train: {{name}}_TRAIN.npz, test: {{name}}_TEST.npz }
                    teacher: { family: conv1d, width: 16 }
                    student: { family: conv1d, width: 8 }
                    quantization: { profiles: [x64], effort: fast }
                    """, $"{name}-{seed}", cancellationToken);
                var int8 = report.Variants.FirstOrDefault(variant => variant.Id == "x64-int8")?.Scores?.Accuracy;
                var floors = string.Concat(Floors.Select(
                    floor => $"{Text(report.Floors.Single(one => one.Name == floor).Scores.Accuracy)} | "));
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {name} | {report.Samples.Training + report.Samples.Validation}, {report.Samples.Test} | {seed} | "
                        + $"{Text(report.Teacher!.Scores.Accuracy)} | {Text(report.Student.Scores.Accuracy)} | {Text(int8)} | "
                        + $"{floors}{report.Augmentations.Single(trial => trial.Used).Name} |");
            }
        }
        return text.ToString();
    }

    private static string Text(double? share) => share?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";

    /// <summary>UCR GunPoint: a label and 150 values a line, with spaces between.</summary>
    private static (float[][] Samples, string[] Labels, int Channels) GunPoint(string part)
    {
        string[][] lines = [
            .. File.ReadLines(Data("gunpoint", $"GunPoint_{part}.txt")).Where(line => line.Length > 0)
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
        ];
        return ([.. lines.Select(line => line[1..].Select(Number).ToArray())],
            [.. lines.Select(line => Number(line[0]).ToString(CultureInfo.InvariantCulture))], 1);
    }

    /// <summary>UEA BasicMotions: six channels of 100 values, a literal <c>\n</c> between channels.</summary>
    private static (float[][] Samples, string[] Labels, int Channels) BasicMotions(string part)
    {
        var samples = new List<float[]>();
        var labels = new List<string>();
        foreach (var line in File.ReadLines(Data("ucr-uea-small", "UEA", "BasicMotions", $"BasicMotions_{part}.arff")))
        {
            if (!line.StartsWith('\'')) continue;
            var end = line.LastIndexOf('\'');
            samples.Add([.. line[1..end].Split("\\n").SelectMany(channel => channel.Split(',')).Select(Number)]);
            labels.Add(line[(end + 2)..].Trim());
        }
        return ([.. samples], [.. labels], 6);
    }

    private static float Number(string text) => float.Parse(text, CultureInfo.InvariantCulture);

    private static string Data(params string[] parts) => Repository.PathOf(["..", "shared", "data", .. parts]);
}
