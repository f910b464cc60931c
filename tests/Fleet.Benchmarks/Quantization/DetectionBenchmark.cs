using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.Modeling;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// A detector as a model of one's own: UltraFace, whose boxes are decoded as a device decodes them. There are no labels: a variant
/// is judged by how many of the boxes that the float model is sure of it finds again.
/// </summary>
internal static class DetectionBenchmark
{
    private static readonly DetectionForm Form = new() { Background = 0, MaximumOverlap = 0.5 };

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var spec = new BuildSpec
        {
            Model = "ultraface",
            Source = new SourceSpec
            {
                Onnx = SharedData.PathOf("onnx-ultraface", "version-RFB-320.onnx"),
                Task = ModelTask.Detection,
                Detection = Form,
                Calibration = Pictures(folder["calibration.npz"], 64, seed: 1),
                Validation = Pictures(folder["validation.npz"], 64, seed: 2),
            },
            Quantization = new QuantizationSpec(),
            Gate = new GateSpec { ValidationSamples = 64 },
        };
        var build = new Build(TimeProvider.System).Run(spec, folder["build"], new Progress<BuildProgress>(), cancellationToken);
        return Task.FromResult(Table(build.Report));
    }

    private static string Pictures(string path, int count, int seed)
    {
        using var file = File.Create(path);
        var pictures = PhotoLikePictures.Make(count, 240, 320, seed, value => (value - 127) / 128);
        NpzArchive.Write(file, [new("input", NpyArray.Of(pictures, count, 3, 240, 320))]);
        return path;
    }

    private static string Table(BuildReport report)
    {
        var text = new StringBuilder();
        text.AppendLine("64 made-up pictures to calibrate and 64 others to judge. Boxes below a score of 0.05 are left out, and of");
        text.AppendLine("two that overlap by more than half the lower one. The float model's boxes from a score of 0.5 stand for labels.");
        text.AppendLine();
        text.AppendLine("| variant | scheme | bytes | mAP 50 | mAP 50:95 | SNR dB | fp32 latency / its latency | verdict |");
        text.AppendLine("|---|---|---:|---:|---:|---:|---:|---|");
        text.AppendLine(
            CultureInfo.InvariantCulture, $"| fp32 | | {report.Student.Bytes:N0} | {Agreements(report.Student.Scores)} | | 1.00 | |");
        foreach (var variant in report.Variants)
        {
            var scores = variant.Scores;
            var speed = variant.SpeedUp is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "not of this processor";
            var verdict = variant.Chosen ? "chosen" : variant.Accepted ? "accepted" : "rejected: " + string.Join(" ", variant.Reasons);
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {variant.Id} | {variant.Scheme} | {variant.Artifact?.Bytes:N0} | {Agreements(scores)} | "
                    + $"{variant.Closeness?.SignalToNoise:0.0} | {speed} | {verdict} |");
        }
        return text.AppendLine().Append("Measured on ").Append(report.MeasuredOn).AppendLine(".").ToString();
    }

    private static string Agreements(Scores? scores)
        => $"{Of(scores?.Find(Metric.BoxAgreement50.Name))} | {Of(scores?.Find(Metric.BoxAgreement.Name))}";

    private static string Of(MetricValue? value) => value?.Value.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
}
