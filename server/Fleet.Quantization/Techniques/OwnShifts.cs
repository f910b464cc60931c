using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// By how much each quantized layer shifts the means of its channels by itself, reading what the float model computes: of all layers in one
/// run, where shifts that layers pass on are found one layer after the other. What a layer does by itself does not change with the layers
/// that are float beside it.
/// </summary>
internal static class OwnShifts
{
    /// <summary>What is to be added to each channel of a layer, by its name; a layer of which that cannot be told is missing.</summary>
    /// <param name="model">The float model.</param>
    /// <param name="quantized">What a scheme made of it.</param>
    /// <param name="layers">The layers, by what they write in the float model, and the axis of the channels of each.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="batchSize">Most samples in one run.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static Dictionary<string, double[]> Of(
        ModelProto model, ModelProto quantized, IEnumerable<(WeightedOperator Layer, int Axis)> layers, IFeedSource samples, int batchSize,
        CancellationToken cancellationToken)
    {
        var both = model.Clone();
        var known = both.Graph.Input.Select(input => input.Name).Concat(both.Graph.Node.SelectMany(node => node.Output)).ToHashSet();
        var copies = new Copies(both.Graph, quantized.Graph, known);
        var (axes, written) = (new Dictionary<string, int>(), new List<(string Layer, string Wanted, string Own)>());
        foreach (var (layer, axis) in layers)
        {
            if (copies.Of(layer) is not { } own) continue;
            written.Add((layer.Node.Name, layer.Node.Output[0], own));
            axes[layer.Node.Output[0]] = axes[own] = axis;
        }
        var moments = ChannelMoments.Run(both, axes, samples, batchSize, cancellationToken);
        return written.ToDictionary(one => one.Layer,
            one => moments[one.Wanted].Means.Zip(moments[one.Own].Means, (mean, shifted) => mean - shifted).ToArray());
    }

    /// <summary>Copies of quantized layers beside the float model, each reading a float value of that.</summary>
    private sealed class Copies
    {
        private const string Prefix = "own/";

        private readonly GraphProto _graph;
        private readonly HashSet<string> _floats;
        private readonly Dictionary<string, NodeProto> _makers = [], _layers = [];
        private readonly Dictionary<string, TensorProto> _constants;
        private readonly HashSet<string> _copied = [];

        public Copies(GraphProto graph, GraphProto quantized, HashSet<string> floats)
        {
            (_graph, _floats) = (graph, floats);
            foreach (var node in quantized.Node)
            {
                _layers.TryAdd(node.Name, node);
                foreach (var output in node.Output) _makers.TryAdd(output, node);
            }
            _constants = quantized.Initializer.ToDictionary(constant => constant.Name);
        }

        /// <summary>What the copy of a layer writes; null where it does not read what the float model makes.</summary>
        public string? Of(WeightedOperator layer)
        {
            if (!_layers.TryGetValue(layer.Node.Name, out var node) || node.OpType != layer.Node.OpType) return null;
            // Between the layer and the float value lie a QuantizeLinear and a DequantizeLinear.
            if (!_makers.TryGetValue(node.Input[0], out var real) || !real.Is("DequantizeLinear")
                || !_makers.TryGetValue(real.Input[0], out var integers) || !integers.Is("QuantizeLinear")
                || integers.Input[0] != layer.Node.Input[0] || !_floats.Contains(integers.Input[0]))
                return null;
            return Copied(node, layer.Node.Input[0]);
        }

        private string Copied(NodeProto node, string from)
        {
            if (!_copied.Add(node.Output[0])) return Prefix + node.Output[0];
            var copy = node.Clone();
            for (var i = 0; i < copy.Input.Count; i++)
            {
                var read = copy.Input[i];
                if (read.Length == 0 || read == from) continue;
                if (_constants.TryGetValue(read, out var constant))
                {
                    if (_copied.Add(read))
                    {
                        var own = constant.Clone();
                        own.Name = Prefix + read;
                        _graph.Initializer.Add(own);
                    }
                    copy.Input[i] = Prefix + read;
                }
                else if (_makers.TryGetValue(read, out var maker)) copy.Input[i] = Copied(maker, from);
            }
            copy.Name = node.Name.Length == 0 ? "" : Prefix + node.Name;
            for (var i = 0; i < copy.Output.Count; i++) copy.Output[i] = Prefix + copy.Output[i];
            _graph.Node.Add(copy);
            return copy.Output[0];
        }
    }
}
