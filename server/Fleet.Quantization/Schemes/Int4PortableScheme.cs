using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// 4-bit weights in standard operators alone, for runtimes that do not know MatMulNBits: a DequantizeLinear over blocks (operator
/// set 21) before a MatMul. ONNX Runtime makes MatMulNBits of the two when it loads the file, as long as nothing makes a Gemm of
/// the MatMul and the Add behind it first: then the weights would be dequantized at every run, at a tenth of the float speed.
/// </summary>
internal sealed class Int4PortableScheme : IQuantizationScheme
{
    private static readonly ProductRounding Rounding = new(BlockForm.Usual, BlockRounding.HalfQuadratic);

    /// <inheritdoc/>
    public string Name => "int4-weights-portable";

    /// <inheritdoc/>
    public string Suffix => "int4-portable";

    /// <inheritdoc/>
    public bool RoundsByBatch(OnnxGraph graph) => TiedTable.Of(graph).Count > 0;

    /// <inheritdoc/>
    public bool IsFourBit => true;

    /// <inheritdoc/>
    public BlockForm? Blocks => Rounding.Usual;

    /// <inheritdoc/>
    public IReadOnlyList<Technique> Helpers { get; } = [Technique.ActivationAwareScaling];

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
        => [.. MatrixProducts.Of(graph).Select(product => product.Node.Output[0]), .. EmbeddingTables.OperatorsOf(graph)];

    /// <summary>MatMul and Add are left apart, and the fused product computes with 8-bit activations.</summary>
    public IReadOnlyDictionary<string, string> Needs { get; } = new Dictionary<string, string>
    {
        [NeededSettings.DisabledOptimizers] = "MatMulAddFusion",
        [NeededSettings.FewBitsAccuracy] = "4",
    };

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no matrix product with constant weights.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var all = source.Once(Rounding, Rounding.Of);
        var model = MatrixProducts.Rewrite(source.Model.Graph, keptFloat, "int4", (product, rewriting) =>
        {
            // The table is bytes, and one that is tied to a product is stored once.
            if (!all.TryGetValue(product.Node.Output[0], out var rounded))
            {
                DynamicProducts.Write(product, rewriting);
                return;
            }
            var (rows, columns) = ((int)(product.Weight.Elements() / product.Channels), product.Channels);
            var integers = RowByRow(rounded.Integers, columns, rounded.Blocks * rounded.Form.Size)[..(rows * columns)];
            var weight = rewriting.Constant(Few(rewriting.NewName("w"), integers, rows, columns));
            var scale = rewriting.Constant(
                Tensors.Of(rewriting.NewName("s"), RowByRow(rounded.Scales, columns, rounded.Blocks), rounded.Blocks, columns));
            var zeroPoint = rewriting.Constant(
                Few(rewriting.NewName("z"), RowByRow(rounded.ZeroPoints, columns, rounded.Blocks), rounded.Blocks, columns));
            var real = rewriting.NewName("d");
            rewriting.Emit(Nodes.Node("DequantizeLinear", [weight, scale, zeroPoint], [real]).With("axis", 0)
                .With("block_size", rounded.Form.Size));
            rewriting.Finish(product, output => Nodes.Node("MatMul", [product.Node.Input[0], real], [output]));
        });
        LaterOpset.Raise(model);
        return EmbeddingTables.Shrink(model, keptFloat, source.Model.Graph);
    }

    private static TensorProto Few(string name, ReadOnlySpan<byte> values, int rows, int columns)
        => Tensors.Create(name, DataType.Uint4, BlockWeights.Packed(values, values.Length), [rows, columns]);

    private static T[] RowByRow<T>(T[] byColumn, int columns, int rows)
    {
        var turned = new T[byColumn.Length];
        for (var column = 0; column < columns; column++)
        {
            for (var row = 0; row < rows; row++) turned[row * columns + column] = byColumn[column * rows + row];
        }
        return turned;
    }
}
