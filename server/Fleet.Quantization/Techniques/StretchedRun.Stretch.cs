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
            var ahead = nodes.Skip(end).SelectMany(OnnxGraph.ValuesReadBy)
                .Where(name => name.Length > 0 && made.Contains(name)).ToHashSet();

            var (wanted, part) = (new HashSet<string>(ahead.Where(name => !held.ContainsKey(name))) { value }, new Stack<NodeProto>());
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
