using Fleet.Quantization.Calibration;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>UltraFace RFB-320, a face detector of 1.1 MB: static int8 beside the peer's.</summary>
internal static class UltraFaceBenchmark
{
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        SampleFeeds Pictures(int count, int seed)
            => new("input", PhotoLikePictures.Make(count, 240, 320, seed, value => (value - 127) / 128), [3, 240, 320]);
        using var contest = new Contest(SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"), Pictures(24, seed: 1),
            Pictures(24, seed: 2), cancellationToken);
        var percentile = Calibrators.Named("percentile");
        foreach (var calibrator in Calibrators.All) contest.Enter(QuantizationSchemes.Int8U8S8, calibrator);
        contest.Enter(QuantizationSchemes.Int8U8S8, percentile, KnownTechniques.Equalization);
        contest.Enter(QuantizationSchemes.Int8U8S8, percentile, KnownTechniques.CompensatedRounding);
        contest.Enter(QuantizationSchemes.Int8U8S8, percentile, KnownTechniques.BiasCorrection);
        foreach (var scheme in new[] { QuantizationSchemes.Int8U8S8, QuantizationSchemes.Int8FloatStem, QuantizationSchemes.Int8U8U8 })
            contest.EnterBest(scheme, percentile);
        foreach (var method in new[] { "minmax", "entropy", "percentile" })
            await contest.EnterPeerAsync($"peer, {method} u8s8", "--method", method);
        await contest.EnterPeerAsync("peer, minmax u8s8 per tensor", "--method", "minmax", "--per-tensor");
        return "Pictures are made up with the statistics of photographs (1/f spectrum, light, edges, faces), 24 to calibrate and 24 others "
            + "to judge.\n\n"
            + contest.Table()
            + string.Concat(new[]
            {
                "fp32, as given", "fp32, prepared", "int8-static-u8s8, percentile",
                "int8-static-u8s8-float-stem", "peer, percentile u8s8",
            }.Where(name => Peers.ArePresent || !name.StartsWith("peer", StringComparison.Ordinal))
                .Select(name => $"\nAs the runtime optimizes it, {contest.OperatorsOf(name)}.\n"));
    }
}
