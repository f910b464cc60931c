using System.Globalization;
using System.IO.Compression;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>A data set of the table: what a spec says of it, and the teacher and student that it is for.</summary>
/// <param name="Name">Of the row.</param>
/// <param name="Data">Under <c>data</c> of the spec, in braces.</param>
/// <param name="Teacher">Under <c>teacher</c>.</param>
/// <param name="Student">Under <c>student</c>.</param>
internal sealed record DistillationGainSet(string Name, string Data, string Teacher, string Student)
{
    /// <summary>Why the teacher takes more than it gives, where it does; null where nobody found out.</summary>
    public string? Cause { get; init; }

    private const int Labelled = 500, Side = 28, ImageHeader = 16, LabelHeader = 8;

    private const int People = 2_400;

    private static readonly string[] Trades = ["baker", "driver", "nurse", "smith", "teacher"];

    /// <summary>All of them; what is made is written first.</summary>
    /// <param name="folder">Where it is written.</param>
    public static IReadOnlyList<DistillationGainSet> All(TemporaryFolder folder)
    {
        Images(folder["few.npz"], "train", Labelled);
        Images(folder["test.npz"], "t10k", null);
        Table(folder["people.csv"]);
        var (gunPoint, basicMotions) = (SharedData.PathOf("gunpoint"), SharedData.PathOf("ucr-uea-small", "UEA", "BasicMotions"));
        var (cmapss, clinc150) = (SharedData.PathOf("cmapss"), SharedData.PathOf("clinc150", "data_full.json"));
        return [
            new("vibration, 600 generated", "kind: vibration, samples: 600",
                "family: conv1d, width: 16", "family: conv1d, width: 8"),
            new("C-MAPSS FD001", $$"""
                kind: series, task: regression, labelUnit: cycles, train: {{cmapss}}/train_FD001.txt, test: {{cmapss}}/test_FD001.txt,
                  testLabels: {{cmapss}}/RUL_FD001.txt, validationShare: 0.15, series: { unit: "1", without: ["2", "3", "4", "5"],
                  window: 50, minimumRows: 30, maximumRemaining: 125, limitTest: true }
                """, "family: mlp, width: 64", "family: mlp, width: 20"),
            new($"Fashion-MNIST, {Labelled} labels", $"train: {folder["few.npz"]}, test: {folder["test.npz"]}",
                "family: cnn, width: 16", "family: cnn, width: 8"),
            new("CLINC150", $$"""
                kind: text, train: {{clinc150}}, text: { trainSplits: [train], validationSplits: [val], testSplits: [test] }
                """, "family: text-cnn, width: 128", "family: text-cnn, width: 64"),
            new("GunPoint", $"train: {gunPoint}/GunPoint_TRAIN.txt, test: {gunPoint}/GunPoint_TEST.txt",
                "family: conv1d, width: 16", "family: conv1d, width: 8")
            {
                Cause = "of two classes a teacher cannot show what is like what, and this one is no better than the student on labels.",
            },
            new("BasicMotions", $"train: {basicMotions}/BasicMotions_TRAIN.arff, test: {basicMotions}/BasicMotions_TEST.arff",
                "family: conv1d, width: 16", "family: conv1d, width: 8"),
            new($"a table, {People:N0} made up", $"train: {folder["people.csv"]}, labelColumn: buys",
                "family: mlp, width: 64", "family: mlp, width: 16"),
        ];
    }

    private static void Images(string path, string part, int? most)
    {
        static byte[] Unpacked(string name)
        {
            using var packed = new GZipStream(File.OpenRead(SharedData.PathOf("fashion-mnist", name)), CompressionMode.Decompress);
            using var whole = new MemoryStream();
            packed.CopyTo(whole);
            return whole.ToArray();
        }
        var (images, labels) = (Unpacked($"{part}-images-idx3-ubyte.gz"), Unpacked($"{part}-labels-idx1-ubyte.gz"));
        var count = most ?? labels.Length - LabelHeader;
        using var file = File.Create(path);
        NpzArchive.Write(file, [
            new("inputs", NpyArray.Of(
                images.AsSpan(ImageHeader, count * Side * Side).ToArray().Select(value => value / 255f).ToArray(), [count, 1, Side, Side])),
            new("labels", NpyArray.Of([.. labels.AsSpan(LabelHeader, count).ToArray().Select(label => (long)label)], count)),
        ]);
    }

    // Numbers, a word and gaps; whether somebody buys turns on what they have to do with each other, and one in ten answers by chance.
    private static void Table(string path)
    {
        var random = new Random(1);
        File.WriteAllLines(path, Enumerable.Range(0, People).Select(_ =>
        {
            var (age, income, visits) = (18 + random.Next(60), Math.Round(Math.Exp(10 + 0.5 * Normal(random))), random.Next(12));
            var trade = Trades[random.Next(Trades.Length)];
            var wants = (age - 45) * (trade is "nurse" or "smith" ? 0.05 : -0.03) + Math.Log(income / 22_000) + 0.4 * Math.Sin(visits);
            var buys = random.Next(10) == 0 ? random.Next(2) == 0 : wants > 0;
            var told = random.Next(20) == 0 ? "" : income.ToString(CultureInfo.InvariantCulture);
            return $"{age},{told},{visits},{trade},{(buys ? "yes" : "no")}";
        }).Prepend("age,income,visits,trade,buys"));
    }

    private static double Normal(Random random)
        => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
