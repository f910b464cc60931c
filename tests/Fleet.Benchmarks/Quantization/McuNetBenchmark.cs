using Fleet.Contracts.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>MCUNet 1x3x96x96, a microcontroller's classifier, and its golden input: closeness and speed of every scheme.</summary>
internal static class McuNetBenchmark
{
    private const long MaximumBytes = 1 << 24;

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var folder = SharedData.PathOf("onnx-deeploy", "hist-MCUNet");
        using var file = File.OpenRead(Path.Combine(folder, "inputs.npz"));
        var golden = NpzArchive.Read(file, MaximumBytes).Values.First();
        // The golden input is noise of mean 0 and deviation 1, so the pictures are normalized to that.
        var calibration = new SampleFeeds("input", PhotoLikePictures.Make(32, 96, 96, seed: 1, value => (value - 127) / 64), [3, 96, 96]);
        using var contest = new Contest(Path.Combine(folder, "network.onnx"), calibration,
            new SampleFeeds("input", golden.ToSingles(), [.. golden.Shape.Skip(1)]), cancellationToken);
        var percentile = Calibrators.Named("percentile");
        foreach (var calibrator in Calibrators.All) contest.Enter(QuantizationSchemes.Int8U8S8, calibrator);
        foreach (var scheme in new[]
        {
            QuantizationSchemes.Int8U8S8, QuantizationSchemes.Int8FloatStem, QuantizationSchemes.Int8U8U8, QuantizationSchemes.Int8S8S8,
            QuantizationSchemes.Int8Symmetric, QuantizationSchemes.Int8Weights, QuantizationSchemes.Int8Dynamic,
            QuantizationSchemes.Int4Weights, QuantizationSchemes.Float16,
        })
            contest.EnterBest(scheme, percentile);
        foreach (var method in new[] { "minmax", "entropy", "percentile" })
            await contest.EnterPeerAsync($"peer, {method} u8s8", "--method", method);
        await contest.EnterPeerAsync("peer, dynamic u8 weights", "--method", "dynamic", "--weight", "u8");
        return "Calibrated on 32 made-up pictures with the statistics of photographs, judged on the golden input.\n\n" + contest.Table();
    }
}
