using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;

namespace Fleet.Modeling.Quantization;

/// <summary>
/// 4-bit weights in blocks of 32 with a scale each, rounded to nearest: ONNX Runtime's MatMulNBits. No samples are needed. Its
/// kernels compute with 8-bit activations (accuracy level 4), where a float computation would be slower than the float model.
/// </summary>
internal sealed class Int4WeightsScheme : IQuantizationScheme
{
    /// <summary>Weights along the input that share a scale. Larger blocks save little and lose accuracy.</summary>
    private const int BlockSize = 32;

    /// <inheritdoc/>
    public string Name => "int4-weights";

    /// <inheritdoc/>
    public string Suffix => "int4";

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph) => [.. MatrixProducts.Of(graph).Select(product => product.Node.Output[0])];

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no matrix product with constant weights.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var model = MatrixProducts.Rewrite(source.Model.Graph, keptFloat, "int4", (product, rewriting) =>
        {
            var (weights, rows, columns) = product.RowMajor();
            var packed = BlockWeights.Of(weights, rows, columns, BlockSize);
            var weight = rewriting.Constant(Tensors.Of(rewriting.NewName("w"), packed.Values, columns, packed.Blocks, BlockSize / 2));
            var scale = rewriting.Constant(Tensors.Of(rewriting.NewName("s"), packed.Scales, columns * packed.Blocks));
            rewriting.Finish(product, output => Nodes.Node("MatMulNBits", [product.Node.Input[0], weight, scale], [output], domain: Opsets.Microsoft)
                .With("K", rows).With("N", columns).With("bits", 4).With("block_size", BlockSize).With("accuracy_level", 4));
        });
        model.Declare(Opsets.Microsoft, 1);
        return model;
    }
}

/// <summary>A matrix as 4-bit integers in blocks along its rows, in the layout of MatMulNBits.</summary>
/// <param name="Values">Column by column, block by block, two values a byte, the first in the low half; 8 stands for zero.</param>
/// <param name="Scales">A scale for each block of each column.</param>
/// <param name="Blocks">Blocks of one column; the last is filled up with zeros.</param>
internal sealed record BlockWeights(byte[] Values, float[] Scales, int Blocks)
{
    /// <summary>Rounds a matrix of <paramref name="rows"/> by <paramref name="columns"/>.</summary>
    public static BlockWeights Of(ReadOnlySpan<float> weights, int rows, int columns, int blockSize)
    {
        var blocks = (rows + blockSize - 1) / blockSize;
        var values = new byte[columns * blocks * blockSize / 2];
        var scales = new float[columns * blocks];
        for (var column = 0; column < columns; column++)
        {
            for (var block = 0; block < blocks; block++)
            {
                var (from, to) = (block * blockSize, Math.Min(rows, (block + 1) * blockSize));
                var extreme = 0f;
                for (var row = from; row < to; row++)
                {
                    var weight = weights[row * columns + column];
                    if (Math.Abs(weight) > Math.Abs(extreme)) extreme = weight;
                }
                // The largest magnitude keeps its sign and becomes -8, the one integer the other side lacks.
                var scale = extreme / -8;
                scales[column * blocks + block] = scale;
                for (var row = from; row < from + blockSize; row++)
                {
                    var integer = row < to && scale != 0 ? (int)Math.Clamp(MathF.Round(weights[row * columns + column] / scale), -8, 7) + 8 : 8;
                    values[((column * blocks + block) * blockSize + row - from) / 2] |= (byte)(integer << ((row - from) % 2 * 4));
                }
            }
        }
        return new BlockWeights(values, scales, blocks);
    }
}
