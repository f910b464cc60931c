using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Techniques;

/// <summary>The part of a model between what is held and a value.</summary>
internal sealed partial class StretchedRun
{
    /// <summary>The part of a model between what is held and a value.</summary>
    /// <param name="Model">The part.</param>
    /// <param name="Inputs">What it reads of what is held.</param>
    /// <param name="Outputs">The value, and what is to be held and is not yet.</param>
    /// <param name="Held">All that the node of the value and those behind it read.</param>
    private sealed record Stretch(ModelProto Model, string[] Inputs, string[] Outputs, HashSet<string> Held)
    {
        public static Stretch To(string value, ModelProto model, Dictionary<string, OrtValue> held)
        {
            var nodes = model.Graph.Node;
            var end = nodes.Select(node => node.Output.Contains(value)).ToList().IndexOf(true);
            // What depends on no input is computed where it is read: it is the same for every sample, and may be what changes.
            var made = new HashSet<string>(model.Graph.Input.Select(input => input.Name));
            foreach (var node in nodes.Take(end).Where(node => OnnxGraph.ValuesReadBy(node).Any(made.Contains)))
                made.UnionWith(node.Output);
            var ahead = nodes.Skip(end).SelectMany(OnnxGraph.ValuesReadBy).Concat(model.Graph.Output.Select(output => output.Name))
                .Where(name => name.Length > 0 && made.Contains(name)).ToHashSet();

            var wanted = new HashSet<string>(ahead.Where(name => !held.ContainsKey(name))) { value };
            return Of(model, end, wanted, held, ahead);
        }

        /// <summary>The part behind what is held; null where it reads something else.</summary>
        public static Stretch? ToTheEnd(ModelProto model, Dictionary<string, OrtValue> held)
        {
            var wanted = model.Graph.Output.Select(output => output.Name).Where(name => !held.ContainsKey(name)).ToHashSet();
            var stretch = Of(model, model.Graph.Node.Count - 1, wanted, held, []);
            var (graph, made) = (stretch.Model.Graph, stretch.Model.Graph.Node.SelectMany(node => node.Output).ToHashSet());
            made.UnionWith(graph.Initializer.Select(constant => constant.Name));
            made.UnionWith(graph.SparseInitializer.Select(constant => constant.Values.Name));
            made.UnionWith(stretch.Inputs);
            return graph.Node.SelectMany(OnnxGraph.ValuesReadBy).All(name => name.Length == 0 || made.Contains(name)) ? stretch : null;
        }

        /// <summary>The nodes up to <paramref name="end"/> that what is wanted depends on, back to what is held.</summary>
        private static Stretch Of(
            ModelProto model, int end, HashSet<string> wanted, Dictionary<string, OrtValue> held, HashSet<string> ahead)
        {
            var (nodes, part) = (model.Graph.Node, new Stack<NodeProto>());
            string[] outputs = [.. wanted];
            for (var i = end; i >= 0; i--)
            {
                if (!nodes[i].Output.Any(wanted.Contains)) continue;
                part.Push(nodes[i]);
                wanted.UnionWith(OnnxGraph.ValuesReadBy(nodes[i]).Where(name => !held.ContainsKey(name)));
            }
            var read = part.SelectMany(OnnxGraph.ValuesReadBy).ToHashSet();
            string[] inputs = [.. held.Keys.Where(read.Contains)];
            var graph = new GraphProto { Name = model.Graph.Name };
            graph.Node.AddRange(part);
            graph.Initializer.AddRange(
                model.Graph.Initializer.Where(constant => read.Contains(constant.Name) && !held.ContainsKey(constant.Name)));
            graph.SparseInitializer.AddRange(model.Graph.SparseInitializer.Where(constant => read.Contains(constant.Values.Name)));
            graph.Input.AddRange(inputs.Select(input => Described(input, held[input])));
            graph.Output.AddRange(outputs.Select(output => new ValueInfoProto { Name = output }));
            var alone = new ModelProto { IrVersion = model.IrVersion, Graph = graph };
            alone.OpsetImport.AddRange(model.OpsetImport);
            alone.Functions.AddRange(model.Functions);
            return new Stretch(alone, inputs, outputs, ahead);
        }

        /// <summary>Type and number of axes; extents may differ between samples.</summary>
        private static ValueInfoProto Described(string name, OrtValue value)
        {
            var tensor = value.GetTensorTypeAndShape();
            var shape = new TensorShapeProto();
            shape.Dim.AddRange(tensor.Shape.Select(_ => new TensorShapeProto.Types.Dimension()));
            return new ValueInfoProto
            {
                Name = name,
                Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)tensor.ElementDataType, Shape = shape } },
            };
        }
    }
}
