using System.Globalization;
using Fleet.Modeling.Students;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Modeling.Teachers;

/// <summary>What can be asked from inside an ONNX file: the values its nodes make, and in a file of Fleet's the layers by name.</summary>
internal static class OnnxFeatures
{
    private const int Named = 40;

    /// <summary>The graph value behind a feature's name; null when there is none.</summary>
    public static string? ValueOf(ModelProto model, string name)
        => Layers(model).TryGetValue(name, out var layer) ? layer.Value : Candidates(model).FirstOrDefault(value => value == name);

    /// <summary>The shape of one sample where the file says it; null: it is what the runtime gives behind the samples.</summary>
    public static IReadOnlyList<int>? ShapeOf(ModelProto model, string name)
        => Layers(model).TryGetValue(name, out var layer) ? layer.Shape : null;

    /// <summary>Layer names of a file that Fleet wrote, with their graph values and shapes.</summary>
    public static IReadOnlyDictionary<string, (string Value, IReadOnlyList<int> Shape)> Layers(ModelProto model)
    {
        var layers = new Dictionary<string, (string, IReadOnlyList<int>)>();
        foreach (var entry in model.MetadataProps.Where(entry => entry.Key.StartsWith(StudentExport.FeatureKey, StringComparison.Ordinal)))
        {
            // Anything may stand in a file: what is not as Fleet writes it does not count as a feature.
            if (entry.Value.Split(' ') is not [var value, var extents]) continue;
            int?[] shape = [
                .. extents.Split('x').Select(extent =>
                    int.TryParse(extent, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
                        ? number
                        : (int?)null),
            ];
            if (shape.All(extent => extent is not null))
                layers[entry.Key[StudentExport.FeatureKey.Length..]] = (value, [.. shape.Select(extent => extent!.Value)]);
        }
        return layers;
    }

    /// <summary>Every value that a node of the main graph makes.</summary>
    public static IEnumerable<string> Candidates(ModelProto model)
        => model.Graph.Node.SelectMany(node => node.Output).Where(output => output.Length > 0);

    /// <summary>The names in words, the nearest to the output where there are many.</summary>
    public static string Listed(ModelProto model)
    {
        if (Layers(model) is { Count: > 0 } layers) return string.Join(", ", layers.Keys);
        string[] all = [.. Candidates(model)];
        return all.Length <= Named
            ? string.Join(", ", all)
            : $"{string.Join(", ", all[^Named..])} and {all.Length - Named} before them (`fleet-modeling features FILE` lists all)";
    }

    /// <summary>
    /// Makes values outputs of the graph. To be done before the runtime optimizes it: an optimization may do without a value
    /// that nobody asks for.
    /// </summary>
    public static void AddOutputs(ModelProto model, IEnumerable<string> values)
    {
        var outputs = model.Graph.Output.Select(output => output.Name).ToHashSet();
        var types = model.Graph.ValueInfo.ToDictionary(value => value.Name);
        // Without a declared type the runtime infers it.
        foreach (var value in values.Where(outputs.Add))
            model.Graph.Output.Add(types.TryGetValue(value, out var declared) ? declared : new ValueInfoProto { Name = value });
    }
}
