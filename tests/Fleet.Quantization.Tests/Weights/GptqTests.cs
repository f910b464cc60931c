using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Schemes;
using Fleet.Quantization.Weights;
using Google.Protobuf;
using MathNet.Numerics.LinearAlgebra;

namespace Fleet.Quantization.Tests.Weights;

/// <summary>GPTQ against its definition, and against rounding to nearest on samples that it has not seen.</summary>
public sealed class GptqTests
{
    private static readonly BlockForm Form = new(4, 16);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Rounds_as_the_papers_elimination_from_the_inverse_does(int seed)
    {
        const int inputs = 48, columns = 5;
        var (samples, weights) = (Alike(200, inputs, seed), Normal(inputs * columns, seed + 100));
        var moments = Moments(samples, inputs);
        var rounded = new Gptq(moments, inputs).Round(weights, columns, Form, BlockRounding.Nearest);

        var damped = Matrix<double>.Build.Dense(inputs, inputs, (row, column) => moments[row * inputs + column]);
        damped += Matrix<double>.Build.DenseIdentity(inputs) * (0.01 * damped.Diagonal().Average());
        for (var column = 0; column < columns; column++)
        {
            var wished = Vector<double>.Build.Dense(inputs, row => weights[row * columns + column]);
            var inverse = damped.Inverse();
            for (var row = 0; row < inputs; row++)
            {
                var block = column * rounded.Blocks + row / Form.Size;
                if (row % Form.Size == 0)
                {
                    var extreme = wished.SubVector(row, Form.Size).MaxBy(Math.Abs);
                    Assert.Equal(extreme / -8, rounded.Scales[block], 1e-5);
                }
                var integer = Math.Clamp(Math.Round(wished[row] / rounded.Scales[block]) + 8, 0, 15);
                Assert.Equal(integer, rounded.Integers[block * Form.Size + row % Form.Size]);
                var error = (wished[row] - rounded.Real(row, column)) / inverse[row, row];
                wished -= inverse.Column(row) * error;
                inverse -= inverse.Column(row).OuterProduct(inverse.Row(row)) / inverse[row, row];
            }
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(128)]
    public void Loses_less_than_rounding_to_nearest_on_samples_it_has_not_seen(int size)
    {
        const int inputs = 128, columns = 24;
        var form = new BlockForm(4, size);
        var weights = Normal(inputs * columns, seed: 9);
        var unseen = Alike(400, inputs, seed: 2);
        foreach (var rounding in Enum.GetValues<BlockRounding>())
        {
            var gptq = new Gptq(Moments(Alike(400, inputs, seed: 1), inputs), inputs).Round(weights, columns, form, rounding);
            var plain = BlockWeights.Of(weights, inputs, columns, form, rounding);
            Assert.InRange(ErrorOf(gptq, weights, unseen, columns) / ErrorOf(plain, weights, unseen, columns), 0, 0.5);
        }
    }

    [Fact]
    public void Rounding_asks_at_every_input_block_and_column_whether_to_stop()
    {
        const int inputs = 40, columns = 3;
        var (weights, stop) = (Normal(inputs * columns, seed: 4), new CancellationToken(canceled: true));
        var gptq = new Gptq(new float[inputs * inputs], inputs);
        Assert.Throws<OperationCanceledException>(() => new Gptq(new float[inputs * inputs], inputs, stop));
        Assert.Throws<OperationCanceledException>(() => gptq.Round(weights, columns, Form, BlockRounding.Nearest, stop));
        Assert.Throws<OperationCanceledException>(
            () => BlockWeights.Of(weights, inputs, columns, Form, BlockRounding.HalfQuadratic, stop));
    }

    [Fact]
    public void Inputs_that_were_never_seen_are_rounded_to_nearest()
    {
        const int inputs = 40, columns = 3;
        var weights = Normal(inputs * columns, seed: 4);
        var rounded = new Gptq(new float[inputs * inputs], inputs).Round(weights, columns, Form, BlockRounding.Nearest);
        Assert.Equal(BlockWeights.Of(weights, inputs, columns, Form).Integers, rounded.Integers);
    }

    [Fact]
    public void Model_loses_less_than_one_rounded_to_nearest_on_samples_that_did_not_calibrate()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(new EncoderModel(Layers: 2, Width: 96, Inner: 192, Heads: 4, Length: 16).Build(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var source = new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
        {
            Samples = TinyModels.SamplesFor(prepared.Model, 64, seed: 1).Feeds("x"),
        };
        var unseen = TinyModels.SamplesFor(prepared.Model, 64, seed: 2).Feeds("x");
        float[] Run(ModelProto model)
        {
            using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "test");
            return ModelOutputs.Of(session, unseen, TestContext.Current.CancellationToken).Values;
        }
        var expected = Run(prepared.Model);
        double Decibels(IQuantizationScheme scheme)
            => Judgement.SignalToNoise(Run(scheme.Apply(source, new HashSet<string>())), expected);
        Assert.InRange(Decibels(QuantizationSchemes.Int4Gptq) - Decibels(QuantizationSchemes.Int4Weights), 2, 30);
    }

    [Fact]
    public void Says_that_it_needs_samples_where_there_are_none()
    {
        using var folder = new ScratchFolder();
        var failure = Assert.Throws<InvalidDataException>(
            () => QuantizedModel.Of(TinyModels.Gemm(), "int4-weights-gptq", folder));
        Assert.Contains("no calibration samples", failure.Message, StringComparison.Ordinal);
    }

    private static double ErrorOf(BlockWeights rounded, float[] weights, float[] samples, int columns)
    {
        var inputs = weights.Length / columns;
        double sum = 0;
        for (var sample = 0; sample < samples.Length; sample += inputs)
        {
            for (var column = 0; column < columns; column++)
            {
                double error = 0;
                for (var row = 0; row < inputs; row++)
                    error += samples[sample + row] * (weights[row * columns + column] - rounded.Real(row, column));
                sum += error * error;
            }
        }
        return sum;
    }

    /// <summary>Samples whose inputs go together, as those of layers do: mixtures of a quarter as many causes.</summary>
    private static float[] Alike(int count, int inputs, int seed)
    {
        var mixing = Normal(inputs * inputs / 4, seed: 77);
        var (causes, noise) = (Normal(count * inputs / 4, seed), Normal(count * inputs, -seed));
        var samples = new float[count * inputs];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = 0.2f * noise[i];
            for (var cause = 0; cause < inputs / 4; cause++)
                samples[i] += causes[i / inputs * (inputs / 4) + cause] * mixing[cause * inputs + i % inputs];
        }
        return samples;
    }

    private static float[] Moments(float[] samples, int inputs)
    {
        var moments = new float[inputs * inputs];
        for (var sample = 0; sample < samples.Length; sample += inputs)
        {
            for (var i = 0; i < moments.Length; i++) moments[i] += samples[sample + i / inputs] * samples[sample + i % inputs];
        }
        return moments;
    }

    private static float[] Normal(int count, int seed)
    {
        var random = new Random(seed);
        return [
            .. Enumerable.Range(0, count)
                .Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble()))),
        ];
    }
}
