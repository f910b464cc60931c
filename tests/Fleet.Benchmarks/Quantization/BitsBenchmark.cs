using System.Globalization;
using System.Text;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Fleet.TestKit;
using Google.Protobuf;

namespace Fleet.Benchmarks.Quantization;

/// <summary>Closeness against bytes at 8 bits and fewer: each way of rounding, block sizes, widths and bits by layer.</summary>
internal static class BitsBenchmark
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var text = new StringBuilder();
        foreach (var (name, encoder, count) in new[]
        {
            ("Encoder of 4 layers (d 312, 128 tokens, 8 outputs)", new EncoderModel(4, 312, 1248, 12, 128), 16),
            ("The same with 16 tokens and one output, as re-rankers have", new EncoderModel(4, 312, 1248, 12, 16, Classes: 1), 64),
        })
        {
            OnnxFile.Save(encoder.Build(), folder["m.onnx"]);
            var prepared = PreparedModel.From(folder["m.onnx"], folder[""]);
            var subject = new Subject(prepared, EncoderBenchmark.States(encoder, count, seed: 1),
                EncoderBenchmark.States(encoder, count, seed: 2), cancellationToken);
            text.AppendLine(CultureInfo.InvariantCulture, $"## {name}\n").AppendLine(subject.Table());
        }
        return Task.FromResult($"""
            Weights are drawn; 1 gain in 64 of each layer normalization is 15 times the others. Hidden states are drawn, some to calibrate
            and others to judge. The peer's row is the published rule of ONNX Runtime's 4-bit quantizer (to nearest, symmetric, blocks of
            32, MatMul alone), written by our scheme to nearest with every Gemm kept float. Scaled is activation-aware scaling. Bits of a
            weight count scales and zero points.

            {text}
            """);
    }

    private sealed class Subject(PreparedModel model, IFeedSource calibration, IFeedSource judging, CancellationToken cancellationToken)
    {
        private readonly StringBuilder _rows = new();
        private readonly Lazy<AllOutputs> _expected = new(() => Of(model.Model, judging, cancellationToken));

        public string Table()
        {
            var gemms = MatrixProducts.Of(model.Graph).Where(product => product.Node.OpType == "Gemm")
                .Select(product => product.Node.Output[0]).ToHashSet();
            var nearest = new ProductRounding(BlockForm.Usual, BlockRounding.Nearest);
            Row("peer's rule, 4 bits, block 32", nearest, samples: false, scaled: false, gemms);
            Row("to nearest, 4 bits, block 32", nearest, samples: false, scaled: false, None);
            foreach (var scaled in new[] { false, true })
            {
                Row("half-quadratic, 4 bits, block 32", Rounding(4, 32, false), samples: false, scaled, None);
                Row("GPTQ, 4 bits, block 32", Rounding(4, 32, true), samples: true, scaled, None);
            }
            foreach (var size in new[] { 16, 64, 128, 256 })
                Row($"GPTQ, 4 bits, block {size}", Rounding(4, size, true), samples: true, scaled: true, None);
            foreach (var bits in new[] { 2, 3, 8 })
                Row($"GPTQ, {bits} bits, block 32", Rounding(bits, 32, true), samples: true, scaled: true, None);
            foreach (var (average, samples) in new[]
            {
                (3, true), (3.5, true), (4, true), (4.5, true), (5, true), (6, true), (4.5, false), (5, false),
            })
                Row(FormattableString.Invariant($"bits by layer, {average} on average"), new BudgetedRounding(average), samples,
                    scaled: true, None);
            return "| weights | samples | bytes | of fp32 | bits a weight | SNR dB | cosine |\n|---|---|--:|--:|--:|--:|--:|\n" + _rows;
        }

        private static ProductRounding Rounding(int bits, int size, bool compensates)
            => new(new BlockForm(bits, size), BlockRounding.HalfQuadratic, compensates);

        private void Row(string name, IProductRounding rounding, bool samples, bool scaled, IReadOnlySet<string> kept)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var scheme = new BlockWeightsScheme("test", "test", rounding);
            var source = new QuantizationSource(model, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
            {
                Samples = samples ? calibration : null,
            };
            if (scaled) source = KnownTechniques.ActivationAwareScaling.Apply(source, scheme, None, cancellationToken);
            var made = scheme.Apply(source, kept);
            var closeness = Of(made, judging, cancellationToken).Against(_expected.Value);
            var rounded = source.Once(rounding, rounding.Of);
            var weights = MatrixProducts.Of(model.Graph).Sum(product => product.Weight.Elements());
            var bits = rounded.Sum(one => kept.Contains(one.Key)
                ? 32L * one.Value.Integers.Length
                : (long)one.Value.Integers.Length * one.Value.Form.Bits + one.Value.Scales.Length * (32L + one.Value.Form.Bits));
            _rows.AppendLine(CultureInfo.InvariantCulture,
                $"| {name}{(scaled ? ", scaled" : "")} | {(samples ? "yes" : "no")} | {made.CalculateSize():N0} | "
                    + $"{(double)made.CalculateSize() / model.Model.CalculateSize():P1} | {(double)bits / weights:0.00} | "
                    + $"{closeness.SignalToNoise:0.0} | {closeness.Cosine:0.0000} |");
        }

        private static AllOutputs Of(ModelProto one, IFeedSource judging, CancellationToken cancellationToken)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "test");
            return AllOutputs.Of(session, judging, cancellationToken);
        }
    }
}
