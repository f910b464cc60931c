using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Inspection;

/// <summary>Models that show values inside them as outputs.</summary>
internal static class ObservedModels
{
    /// <summary>Begins the names of what is added, so that they meet no others.</summary>
    private const string Added = "fleet-inspect/";

    /// <summary>The name under which <see cref="Showing"/> has a value that is not a 32-bit float.</summary>
    public static string NameOf(string value, IReadOnlySet<string> halves) => halves.Contains(value) ? $"{Added}{value}" : value;

    /// <summary>A model with further outputs; 16-bit values are shown as 32-bit ones.</summary>
    public static ModelProto Showing(ModelProto model, IEnumerable<string> values, IReadOnlySet<string> halves)
    {
        var shown = model.Clone();
        var present = new HashSet<string>(shown.Graph.Output.Select(output => output.Name));
        foreach (var value in values.Distinct())
        {
            var name = NameOf(value, halves);
            if (name != value) shown.Graph.Node.Add(Nodes.Node("Cast", [value], [name]).With("to", (long)DataType.Float));
            if (present.Add(name)) shown.Graph.Output.Add(new ValueInfoProto { Name = name });
        }
        return shown;
    }

    /// <summary>
    /// The float model, and beside each layer the variant's form of it, which reads what the float model computes.
    /// </summary>
    /// <param name="model">The float model.</param>
    /// <param name="variant">The variant.</param>
    /// <param name="layers">The layers.</param>
    /// <param name="scales">By how much the variant's value is another one in scale, as a tensor that multiplies it.</param>
    /// <returns>The model, and the name of each layer's output in it.</returns>
    public static (ModelProto Model, IReadOnlyList<string> Outputs) Alone(
        ModelProto model, OnnxGraph variant, IReadOnlyList<RoundedLayer> layers, IReadOnlyDictionary<string, TensorProto> scales)
    {
        var both = model.Clone();
        foreach (var set in variant.Model.OpsetImport)
        {
            if (both.OpsetImport.FirstOrDefault(one => one.Domain == set.Domain) is { } known)
                known.Version = Math.Max(known.Version, set.Version);
            else both.OpsetImport.Add(set.Clone());
        }
        both.IrVersion = Math.Max(both.IrVersion, variant.Model.IrVersion);
        var outputs = new List<string>();
        foreach (var (number, layer) in layers.Index())
        {
            string Own(string value) => $"{Added}{number}/{value}";
            var names = new Dictionary<string, string>();
            foreach (var value in layer.Read)
            {
                names[value] = value;
                if (!scales.TryGetValue(value, out var scale)) continue;
                var factors = scale.Clone();
                factors.Name = Own($"scale of {value}");
                both.Graph.Initializer.Add(factors);
                both.Graph.Node.Add(Nodes.Node("Mul", [value, factors.Name], [names[value] = Own($"scaled {value}")]));
            }
            foreach (var value in layer.Nodes.SelectMany(OnnxGraph.ValuesReadBy).Where(value => !names.ContainsKey(value)).Distinct())
            {
                names[value] = Own(value);
                if (variant.Constant(value) is not { } constant) continue;
                var copy = constant.Clone();
                copy.Name = names[value];
                both.Graph.Initializer.Add(copy);
            }
            foreach (var original in layer.Nodes)
            {
                var node = original.Clone();
                node.Name = "";
                foreach (var read in OnnxGraph.ValuesReadBy(original).Distinct()) OnnxGraph.Rewire(node, read, names[read]);
                for (var i = 0; i < node.Output.Count; i++)
                {
                    if (node.Output[i].Length > 0) node.Output[i] = Own(node.Output[i]);
                }
                both.Graph.Node.Add(node);
            }
            outputs.Add(Own(layer.Rounded));
        }
        return (Showing(both, outputs, new HashSet<string>()), outputs);
    }
}
