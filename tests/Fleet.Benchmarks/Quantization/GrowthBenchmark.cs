using System.Globalization;
using System.Text;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>Processor time and peak memory of <c>fleet models quantize</c> as samples and models grow.</summary>
internal static class GrowthBenchmark
{
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder(
            "`quantize --profile x64 --scheme int8-static-u8s8`, everything included: reading, preparing, calibrating, techniques, "
                + "judging, timing. Processor time is of all processes of the command; memory is the largest VmHWM of one.\n\n");
        using var folder = new TemporaryFolder();
        text.AppendLine("| model | float bytes | calibration samples | of bytes each | CPU seconds | peak MB |")
            .AppendLine("|---|---:|---:|---:|---:|---:|");
        foreach (var samples in new[] { 16, 64, 256, 512 })
        {
            var data = folder[$"pictures{samples}"];
            Directory.CreateDirectory(data);
            const int Pictures = 16, Length = 3 * 96 * 96;
            var pictures = PhotoLikePictures.Make(Pictures, 96, 96, seed: 1, value => (value - 127) / 64);
            for (var i = 0; i < samples; i++)
            {
                await using var file = File.Create(Path.Combine(data, $"{i:0000}.npz"));
                NpzArchive.Write(file, [new("input", NpyArray.Of(pictures.AsSpan(i % Pictures * Length, Length), 1, 3, 96, 96))]);
            }
            await MeasureAsync("MCUNet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx"), data,
                samples, Length * sizeof(float));
        }
        foreach (var layers in new[] { 1, 2, 4, 8 })
        {
            var model = folder[$"encoder{layers}.onnx"];
            OnnxFile.Save(new EncoderModel(layers, Width: 312, Inner: 1248, Heads: 12, Length: 128).Build(), model);
            await MeasureAsync($"encoder, {layers} layers", model, "synthetic", 32, 128 * 312 * sizeof(float));
        }
        return text.ToString();

        async Task MeasureAsync(string name, string model, string data, int samples, int each)
        {
            var cost = await ProgramCost.OfAsync(Programs.Cli,
                [
                    "models", "quantize", model, "--calibration", data, "--validation", "synthetic", "--profile", "x64", "--scheme",
                    "int8-static-u8s8", "--out", folder[$"out{Guid.NewGuid():N}"],
                ], cancellationToken);
            var peak = cost.LargestProcess / 1024.0 / 1024.0;
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {new FileInfo(model).Length:N0} | {samples} | {each:N0} | {cost.Processor.TotalSeconds:0.0} | {peak:0} |");
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}, {samples} samples: {peak:0} MB"));
        }
    }
}
