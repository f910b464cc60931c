using System.Globalization;
using System.IO.Compression;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// Fashion-MNIST with few labels: a teacher of one's own, asked about samples that nobody labelled, beside the student on the labels alone.
/// </summary>
internal static class UnlabelledBenchmark
{
    private const int Seeds = 3, Size = 28 * 28, ImageHeader = 16, LabelHeader = 8;

    /// <summary>Samples that the teacher was trained on, and of those given to the student.</summary>
    private const int Teachers = 20_000, Labelled = 500, Unlabelled = 5_000;

    /// <summary>Trains the teacher, then builds three students with each seed.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var (images, labels) = (Unpacked("train-images-idx3-ubyte.gz"), Unpacked("train-labels-idx1-ubyte.gz"));
        void Write(string name, Range samples, bool labelled)
        {
            var (start, count) = samples.GetOffsetAndLength(labels.Length - LabelHeader);
            using var file = File.Create(folder[name]);
            KeyValuePair<string, NpyArray> values = new("inputs", NpyArray.Of(
                images.AsSpan(ImageHeader + start * Size, count * Size).ToArray().Select(value => value / 255f).ToArray(),
                [count, 1, 28, 28]));
            NpzArchive.Write(file, labelled
                ? [values, new("labels", NpyArray.Of(
                    labels.AsSpan(LabelHeader + start, count).ToArray().Select(label => (long)label).ToArray(), count))]
                : [values]);
        }
        Write("teachers.npz", ..Teachers, labelled: true);
        Task<BuildReport> BuildAsync(string name, string spec) => FleetProgram.BuildAsync(folder, spec, name, cancellationToken);
        void WriteTest()
        {
            (images, labels, var kept) = (Unpacked("t10k-images-idx3-ubyte.gz"), Unpacked("t10k-labels-idx1-ubyte.gz"), (images, labels));
            Write("test.npz", .., labelled: true);
            (images, labels) = kept;
        }
        WriteTest();
        var teacher = await BuildAsync("teacher", $$"""
            model: teacher
            data: { train: teachers.npz, test: test.npz }
            teacher: { family: cnn, width: 16, training: { epochs: 8 } }
            student: { family: cnn, width: 4 }
            distillation: { training: { epochs: 1 }, compareWithLabels: false }
            quantization: { profiles: [x64], effort: fast }
            """);
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"""
            {Labelled} labelled samples of Fashion-MNIST and {Unlabelled:N0} others without labels, all drawn anew by seed from the 40,000
            that the teacher was not trained on. The teacher is a file: `cnn` of width 16, trained on {Teachers:N0} samples, which has
            {Text(teacher.Teacher!.Scores.Accuracy)} on the 10,000 test samples. The student is `cnn` of width 8; every build is
            `fleet models build --local`, effort fast, profile x64, all else as it is when nothing is said. Test accuracy.
            "The same student on labels" takes as many steps as the student in that row.

            | seed | learned from | student | the same student on labels | int8 | best simple model |
            |---:|---|---:|---:|---:|---:|

            """));
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var drawn = new Random(seed);
            var first = Teachers + drawn.Next(labels.Length - LabelHeader - Teachers - Labelled - Unlabelled);
            Write("labelled.npz", first..(first + Labelled), labelled: true);
            Write("more.npz", (first + Labelled)..(first + Labelled + Unlabelled), labelled: false);
            foreach (var (name, data) in new[]
            {
                ($"{Labelled} labelled", "train: labelled.npz"),
                ($"{Labelled} labelled, {Unlabelled} without", "train: labelled.npz, unlabelled: more.npz"),
                ($"{Unlabelled} without labels", "unlabelled: more.npz"),
            })
            {
                var report = await BuildAsync($"{seed}-{data.Length}", $$"""
                    model: student
                    seed: {{seed}}
                    data: { {{data}}, test: test.npz }
                    teacher: { onnx: {{folder["teacher", "teacher.onnx"]}} }
                    student: { family: cnn, width: 8 }
                    quantization: { profiles: [x64], effort: fast }
                    """);
                var alone = report.Floors.FirstOrDefault(floor => floor.Name == FloorReport.LabelsAlone)?.Scores.Accuracy;
                var int8 = report.Variants.FirstOrDefault(variant => variant.Id == "x64-int8")?.Scores?.Accuracy;
                var simple = report.Floors.Where(floor => floor.Name != FloorReport.LabelsAlone).Max(floor => floor.Scores.Accuracy);
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {seed} | {name} | {Text(report.Student.Scores.Accuracy)} | {Text(alone)} | "
                        + $"{Text(int8)} | {Text(simple)} |");
                Console.Error.WriteLine(text.ToString().TrimEnd().Split('\n')[^1]);
            }
        }
        return text.ToString();
    }

    private static byte[] Unpacked(string name)
    {
        using var packed = new GZipStream(File.OpenRead(Data(name)), CompressionMode.Decompress);
        using var whole = new MemoryStream();
        packed.CopyTo(whole);
        return whole.ToArray();
    }

    private static string Text(double? share) => share?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";

    private static string Data(string name) => SharedData.PathOf("fashion-mnist", name);
}
