using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>A transformer encoder of 4 layers (d 312, ff 1248, 12 heads, 128 tokens): int8 and int4 beside the peer's.</summary>
internal static class EncoderBenchmark
{
    private static readonly EncoderModel Encoder = new(Layers: 4, Width: 312, Inner: 1248, Heads: 12, Length: 128);

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        OnnxFile.Save(Encoder.Build(), folder["encoder.onnx"]);
        using var contest = new Contest(folder["encoder.onnx"], States(16, seed: 1), States(16, seed: 2), cancellationToken);
        var percentile = Calibrators.Named("percentile");
        contest.Enter(QuantizationSchemes.Int8U8S8, percentile);
        contest.Enter(QuantizationSchemes.Int8U8S8, percentile, KnownTechniques.Smoothing);
        contest.EnterBest(QuantizationSchemes.Int8U8S8, percentile);
        contest.Enter(QuantizationSchemes.Int8Dynamic, percentile);
        contest.EnterBest(QuantizationSchemes.Int8Dynamic, percentile);
        foreach (var scheme in new[]
        {
            QuantizationSchemes.Int4Weights, QuantizationSchemes.Int4HalfQuadratic, QuantizationSchemes.Int4Portable,
            QuantizationSchemes.Int8Weights,
        })
            contest.Enter(scheme, percentile);
        await contest.EnterPeerAsync("peer, minmax u8s8", "--method", "minmax");
        await contest.EnterPeerAsync("peer, percentile u8s8", "--method", "percentile");
        await contest.EnterPeerAsync("peer, dynamic s8 weights", "--method", "dynamic");
        await contest.EnterPeerAsync("peer, dynamic u8 weights", "--method", "dynamic", "--weight", "u8");
        await contest.EnterPeerAsync("peer, int4 block 32", "--method", "int4");
        return "Weights are drawn at random; 1 gain in 64 of each layer normalization is 15 times the others, the outlier channels of "
            + "trained transformers. Inputs are drawn hidden states, 16 to calibrate and 16 others to judge.\n\n"
            + contest.Table()
            + string.Concat(new[]
            {
                "fp32, prepared", "int8-static-u8s8, percentile", "int8-dynamic, percentile", "int4-weights-portable, percentile",
            }.Select(name => $"\nAs the runtime optimizes it, {contest.OperatorsOf(name)}.\n"));
    }

    private static SampleFeeds States(int count, int seed) => States(Encoder, count, seed);

    /// <summary>Drawn hidden states for an encoder.</summary>
    public static SampleFeeds States(EncoderModel encoder, int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count * encoder.Length * encoder.Width];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble()));
        return new SampleFeeds("x", values, [encoder.Length, encoder.Width]);
    }
}
