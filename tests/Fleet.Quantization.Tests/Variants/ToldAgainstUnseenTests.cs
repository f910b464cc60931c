using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using MathNet.Numerics.Distributions;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>What is told of a variant made with few samples, against samples that nobody had seen.</summary>
/// <remarks>A detector of text was told 16.7 dB on the pictures that had chosen it, and had 1.8 dB on others of the same kind.</remarks>
public sealed class ToldAgainstUnseenTests
{
    private const int Given = 16, Unseen = 64, Seeds = 5;

    private static readonly string[] Schemes = ["int8-static-s8s8", "int8-static-u8u8"];

    [Fact]
    public void Figures_of_few_uneven_samples_hold_within_their_intervals_on_others()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 3, 12, 12).Weight("c1", 8, 3, 3, 3).Weight("c2", 16, 8, 3, 3).Weight("w", 1024, 10)
            .Node("Conv", ["x", "c1"], "a").Node("Relu", ["a"], "b").Node("Conv", ["b", "c2"], "c").Node("Relu", ["c"], "d")
            .Node("Flatten", ["d"], "e").Node("MatMul", ["e", "w"], "y").Output("y", -1, 10).Save(folder);
        var rows = Enumerable.Range(0, Seeds).SelectMany(seed => RowsOf(model, 100 * seed, folder)).ToArray();
        var told = string.Join("; ", rows.Select(row => FormattableString.Invariant(
            $"{row.Told:0.0} ({row.In.Low:0.0} to {row.In.High:0.0}) against {row.Unseen:0.0} ({row.UnseenIn.Low:0.0} to ")
            + FormattableString.Invariant($"{row.UnseenIn.High:0.0}), chosen by {row.Chosen:0.0}")));
        Assert.Equal(Seeds * Schemes.Length, rows.Length);
        Assert.True(rows.Count(row => row.Holds) >= 0.9 * rows.Length, told);
        // An interval that holds everything would tell nothing, and what chose is not what is told.
        Assert.True(rows.Min(row => row.In.High - row.In.Low) < 12, told);
        Assert.All(rows, row => Assert.NotEqual(row.Chosen, row.Told));
    }

    private static IEnumerable<Row> RowsOf(string model, int seed, ScratchFolder folder)
    {
        var output = folder.File($"out{seed}");
        var made = new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(model, Samples(Given, seed), HeldOut.Of(Samples(Given, seed + 1)),
                VariantSettings.Of(new QuantizationSpec { Schemes = Schemes, MinimumSignalToNoise = 10 },
                    [BuiltInProfiles.Find("arm-cpu")!]), output),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.Equal((Given / 2, Given / 2, false), (made.Parts.Selection, made.Parts.Report, made.Parts.Shared));
        using var baseline = Baseline.Measure(model, HeldOut.Of(Samples(2 * Unseen, seed + 2)), TestContext.Current.CancellationToken);
        foreach (var variant in made.Variants.Where(variant => Schemes.Contains(variant.Scheme)))
        {
            using var session = OnnxRuntimeSession.Open(
                Path.Combine(output, variant.Artifact!.Name), variant.Runtime.Exact(ThisMachine.Facts.IsaFlags));
            var unseen = baseline.Tell(session, TestContext.Current.CancellationToken);
            MetricInterval Of(IReadOnlyList<MetricInterval> intervals) => intervals.Single(one => one.Name == Metric.SignalToNoise.Name);
            yield return new Row(variant.Closeness!.SignalToNoise, Of(variant.Intervals), unseen.Closeness.SignalToNoise,
                Of(unseen.Intervals), variant.Selected!.Value);
        }
    }

    /// <summary>Pictures of unlike contrast: a few loud ones make most of the noise where ranges clip them.</summary>
    private static SampleFeeds Samples(int count, int seed)
    {
        const int Values = 3 * 12 * 12;
        var random = new Random(seed);
        return new SampleFeeds("x", [
            .. Enumerable.Range(0, count).Select(_ => Math.Exp(0.6 * Normal.Sample(random, 0, 1)))
                .SelectMany(contrast => Enumerable.Range(0, Values).Select(_ => (float)(contrast * Normal.Sample(random, 0, 1)))),
        ], [3, 12, 12]);
    }

    /// <summary>Decibels told, and those on samples that nobody had seen.</summary>
    private sealed record Row(double Told, MetricInterval In, double Unseen, MetricInterval UnseenIn, double Chosen)
    {
        /// <summary>True where the difference is no more than both intervals explain.</summary>
        public bool Holds => Math.Abs(Told - Unseen) <= (Told > Unseen
            ? Math.Sqrt(Math.Pow(Told - In.Low, 2) + Math.Pow(UnseenIn.High - Unseen, 2))
            : Math.Sqrt(Math.Pow(In.High - Told, 2) + Math.Pow(Unseen - UnseenIn.Low, 2)));
    }
}
