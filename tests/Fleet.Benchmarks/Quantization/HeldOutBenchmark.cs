using System.Globalization;
using System.Text.RegularExpressions;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Variants;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Whether what is told of a variant holds on samples that nobody had seen: each model is quantized with few samples, and its variants are
/// judged again on many others.
/// </summary>
internal static partial class HeldOutBenchmark
{
    private const string Name = "quantize-held-out";

    private const string Head = "| model | samples given | unseen, median | told − unseen, median | largest | within the interval "
        + "| by the old figure: median | largest |";

    private static readonly int[] Seeds = [31, 57, 83];

    /// <param name="arguments">Of the program: <c>--only MODEL</c>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var only = arguments.SkipWhile(argument => argument != "--only").Skip(1).FirstOrDefault();
        HeldOutSubject[] subjects = [.. HeldOutSubjects.All(folder)];
        var table = new KeptRows(Name, subjects.Select(subject => subject.Name));
        foreach (var subject in subjects.Where(subject => only is null || subject.Name == only))
        {
            if (!File.Exists(subject.Path))
            {
                Console.Error.WriteLine($"{subject.Name}: there is no {subject.Path}; set {BenchmarkModels.Variable}.");
                continue;
            }
            table.Clear(subject.Name);
            foreach (var given in subject.Given)
                table.Add(subject.Name, RowOf(given, [.. Seeds.SelectMany(seed => Told(subject, given, seed, folder, cancellationToken))]));
            if (arguments.Contains("--write")) await ResultFile.WriteAsync(Name, Text(table), cancellationToken);
        }
        return Text(table);
    }

    private static string Text(KeptRows table)
    {
        var counts = table.All.Select(row => Counts().Match(row)).Where(count => count.Success).ToArray();
        int Sum(int group) => counts.Sum(count => int.Parse(count.Groups[group].Value, CultureInfo.InvariantCulture));
        return string.Create(CultureInfo.InvariantCulture,
            $"""
            Static int8 variants of three forms (Silero VAD: dynamic int8 and int8 weights), made with as many samples to calibrate as to
            judge, {Seeds.Length} seeds each, then judged on 64 samples of another seed, which nobody had seen (24 of PP-OCRv4, 512
            windows of Silero VAD), from the part that the data sets apart for tests where it does. Models and samples are those of
            `quantize-contest`; the encoder has drawn weights and drawn hidden states, Silero VAD hears spoken digits with pauses, and
            PP-OCRv4's detector also gets pictures without text, where it has little to say. Models that are not in `../shared/data` lie
            in the folder that `{BenchmarkModels.Variable}` names; `--only MODEL` makes the rows of one model again and keeps the
            others. Told is what the
            report says; the old figure is that of the samples which chose. The difference is within the interval where it is no more than
            the half-widths of both intervals together (the root of the sum of their squares).

            {Head}
            |---|--:|--:|--:|--:|--:|--:|--:|
            {string.Join('\n', table.All)}

            In {Sum(1)} of {Sum(2)} rows ({100.0 * Sum(1) / Sum(2):0.0} %) what was told and what was unseen differ by no more than their
            intervals.

            """);
    }

    private static string RowOf(int given, Row[] rows)
    {
        string Differences(Func<Row, double> of) => string.Create(CultureInfo.InvariantCulture,
            $"{Median(rows, row => of(row) - row.Unseen):0.0} dB | {rows.Max(row => Math.Abs(of(row) - row.Unseen)):0.0} dB");
        return string.Create(CultureInfo.InvariantCulture,
            $"{given} | {Median(rows, row => row.Unseen):0.0} dB | {Differences(row => row.Told)} | ")
            + $"{rows.Count(row => row.Holds)} of {rows.Length} | {Differences(row => row.Chosen)}";
    }

    private static IEnumerable<Row> Told(
        HeldOutSubject subject, int given, int seed, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        var spec = new QuantizationSpec { Profiles = ["arm-cpu"], Schemes = subject.Schemes, MinimumSignalToNoise = 20 };
        var output = folder[$"{subject.Name}-{given}-{seed}".Replace(' ', '-')];
        Directory.CreateDirectory(output);
        var made = new VariantMaker().Make(
            new VariantRequest(subject.Path, subject.Samples(given, seed), HeldOut.Of(subject.Samples(given, seed + 1)),
                VariantSettings.Of(spec, [.. spec.Profiles.Select(name => BuiltInProfiles.Find(name)!)]), output),
            new Progress<BuildProgress>(), cancellationToken);
        // Half of them would choose, if there were anything to choose.
        using var baseline = Baseline.Measure(
            subject.Path, HeldOut.Of(subject.Samples(2 * subject.Unseen, seed + BenchmarkModels.Unseen)), cancellationToken);
        foreach (var variant in made.Variants.Where(one => one is { Artifact: not null } && subject.Schemes.Contains(one.Scheme)))
        {
            using var session = OnnxRuntimeSession.Open(
                Path.Combine(output, variant.Artifact!.Name), variant.Runtime.Exact(ThisMachine.Facts.IsaFlags));
            var unseen = baseline.Tell(session, cancellationToken);
            if (variant.Intervals.FirstOrDefault(one => one.Name == Metric.SignalToNoise.Name) is not { } told
                || unseen.Intervals.FirstOrDefault(one => one.Name == Metric.SignalToNoise.Name) is not { } seen) continue;
            var row = new Row(variant.Closeness!.SignalToNoise, told, unseen.Closeness.SignalToNoise, seen,
                variant.Selected?.Value ?? variant.Closeness.SignalToNoise);
            Console.Error.WriteLine($"{subject.Name}, {given} given, seed {seed}, {variant.Scheme}: {row}");
            yield return row;
        }
    }

    private static double Median(Row[] rows, Func<Row, double> of)
    {
        double[] sorted = [.. rows.Select(of).Order()];
        return sorted[sorted.Length / 2];
    }

    [GeneratedRegex(@"\| (\d+) of (\d+) \|")]
    private static partial Regex Counts();

    /// <summary>A variant's decibels.</summary>
    private sealed record Row(double Told, MetricInterval ToldIn, double Unseen, MetricInterval UnseenIn, double Chosen)
    {
        /// <summary>True where the difference is no more than both intervals explain.</summary>
        public bool Holds => Math.Abs(Told - Unseen) <= (Told > Unseen
            ? Math.Sqrt(Math.Pow(Told - ToldIn.Low, 2) + Math.Pow(UnseenIn.High - Unseen, 2))
            : Math.Sqrt(Math.Pow(ToldIn.High - Told, 2) + Math.Pow(Unseen - UnseenIn.Low, 2)));

        /// <inheritdoc/>
        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"told {Told:0.0} ({ToldIn.Low:0.0} to {ToldIn.High:0.0}), unseen {Unseen:0.0} ({UnseenIn.Low:0.0} to {UnseenIn.High:0.0}), "
                + $"chosen by {Chosen:0.0}{(Holds ? "" : ": outside")}");
    }
}
