using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// The last state of gated recurrent units that read a series from its beginning (Cho et al., arXiv 1406.1078; the reset gate behind the
/// product with the state, as torch and cuDNN have it).
/// </summary>
/// <param name="Units">Numbers of the state.</param>
internal sealed record Recurrence(int Units) : WeightedLayer
{
    /// <summary>Order of the gates in ONNX, update before reset, by their places in torch's.</summary>
    private static readonly int[] GateOrder = [1, 0, 2];

    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [Units];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => 3L * Units * (input[0] + Units + 2);

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 3L * Units * (input[0] + Units) * input[1];

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(new Reader(input[0], Units), null);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var (number, heard) = (layer.Number, layer.Shape[0]);
        var (weights, biases) = (layer.Folded.Weight, layer.Folded.Bias);
        // Of values and of the state, each for three gates.
        TensorProto Weights(string name, int columns, int from) => Tensors.Of($"{name}{number}", [
            .. GateOrder.SelectMany(gate => Enumerable.Range(gate * Units, Units))
                .SelectMany(row => weights.Skip(row * (heard + Units) + from).Take(columns)),
        ], [1L, 3L * Units, columns]);
        float[] bias = [
            .. ((int[])[0, 3 * Units]).SelectMany(from => GateOrder.SelectMany(gate => biases.Skip(from + gate * Units).Take(Units))),
        ];
        var steps = graph.Node("Transpose", $"steps{number}", layer.Input).With("perm", [2L, 0L, 1L]).Output[0];
        var node = graph.Node("GRU", ["", $"state{number}"], $"gru{number}", steps, graph.Constant(Weights("weight", heard, 0)),
            graph.Constant(Weights("recurrence", Units, heard)), graph.Constant(Tensors.Of($"bias{number}", bias, [1L, 6L * Units])));
        node.With("hidden_size", (long)Units).With("linear_before_reset", 1L);
        return graph.Reshaped($"rows{number}", $"state{number}", -1, Units);
    }

    /// <summary>Weights of values and of the state side by side, then both biases.</summary>
    protected override (Tensor Weight, Tensor Bias) Weights(LayerModules modules)
    {
        var values = modules.Weights!.state_dict();
        Tensor Of(string name) => values.Single(value => value.Key.EndsWith(name, StringComparison.Ordinal)).Value
            .to_type(ScalarType.Float64);
        return (cat([Of("weight_ih_l0"), Of("weight_hh_l0")], 1), cat([Of("bias_ih_l0"), Of("bias_hh_l0")], 0));
    }

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale)
        => cat([scale.OfChannels().reshape(1, -1), ones([1, Units], dtype: ScalarType.Float64)], 1);

    private sealed class Reader : Module<Tensor, Tensor>
    {
        private readonly GRU _units;

        public Reader(int channels, int units) : base(nameof(Reader))
        {
            _units = GRU(channels, units, batchFirst: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            var (_, state) = _units.call(input.transpose(1, 2).contiguous());
            return state.squeeze(0);
        }
    }
}
