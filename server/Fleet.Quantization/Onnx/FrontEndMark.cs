using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf.Collections;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// The front end of a model: operators that make features of what an application gives, such as mel bands of sound. They stay in 32 bits
/// whatever becomes of the network behind them: a power spectrum spans nine decades, of which 8 bits hold two and 16 bits five. A
/// model says in its metadata where it ends.
/// </summary>
internal static class FrontEndMark
{
    /// <summary>Key of the metadata; its value is the name of the graph value that holds the features.</summary>
    public const string Key = "fleet.frontEnd";

    /// <summary>Says of a model where its front end ends.</summary>
    public static void Mark(ModelProto model, string features)
        => model.MetadataProps.Add(new StringStringEntryProto { Key = Key, Value = features });

    /// <summary>First outputs of the operators of the front end; none where the model has none.</summary>
    public static IReadOnlySet<string> Of(OnnxGraph graph)
    {
        var outputs = new HashSet<string>();
        if (graph.Model.MetadataProps.FirstOrDefault(entry => entry.Key == Key)?.Value is not { } features) return outputs;
        var open = new Stack<string>([features]);
        while (open.TryPop(out var value))
        {
            if (graph.ProducerOf(value) is { } node && outputs.Add(node.Output[0]))
                foreach (var read in OnnxGraph.ValuesReadBy(node)) open.Push(read);
        }
        return outputs;
    }

    /// <inheritdoc cref="Of(OnnxGraph)"/>
    public static IReadOnlySet<string> Of(ModelProto model)
        => model.MetadataProps.Any(entry => entry.Key == Key) ? Of(new OnnxGraph(model)) : new HashSet<string>();

    /// <summary>The network behind the front end, for whoever trains it on features; the model itself where it has none.</summary>
    public static PreparedModel Without(PreparedModel model)
    {
        var outputs = model.Graph.FrontEnd;
        if (outputs.Count == 0) return model;
        var network = model.Model.Clone();
        var mark = network.MetadataProps.First(entry => entry.Key == Key);
        network.MetadataProps.Remove(mark);
        Drop(network.Graph.Node, node => outputs.Contains(node.Output.FirstOrDefault() ?? ""));
        var read = network.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy).Concat(network.Graph.Output.Select(output => output.Name))
            .ToHashSet();
        Drop(network.Graph.Initializer, tensor => !read.Contains(tensor.Name));
        Drop(network.Graph.Input, input => !read.Contains(input.Name));
        Drop(network.Graph.ValueInfo, value => value.Name == mark.Value);
        network.Graph.Input.Add(new ValueInfoProto { Name = mark.Value, Type = model.Graph.TypeOf(mark.Value) });
        return new PreparedModel(network);
    }

    /// <summary>A network with the front end of <paramref name="whole"/> before it; itself where that has none.</summary>
    public static ModelProto Before(ModelProto network, OnnxGraph whole)
    {
        var outputs = whole.FrontEnd;
        if (outputs.Count == 0) return network;
        var mark = whole.Model.MetadataProps.First(entry => entry.Key == Key);
        NodeProto[] nodes = [.. whole.Graph.Node.Where(node => outputs.Contains(node.Output.FirstOrDefault() ?? ""))];
        var read = nodes.SelectMany(OnnxGraph.ValuesReadBy).ToHashSet();
        var joined = network.Clone();
        joined.MetadataProps.Add(mark.Clone());
        foreach (var (place, node) in nodes.Index()) joined.Graph.Node.Insert(place, node.Clone());
        joined.Graph.Initializer.AddRange(whole.Graph.Initializer.Where(tensor => read.Contains(tensor.Name)
            && joined.Graph.Initializer.All(known => known.Name != tensor.Name)).Select(tensor => tensor.Clone()));
        Drop(joined.Graph.Input, input => input.Name == mark.Value);
        joined.Graph.Input.AddRange(whole.Graph.Input.Where(input => read.Contains(input.Name)).Select(input => input.Clone()));
        return joined;
    }

    private static void Drop<T>(RepeatedField<T> list, Func<T, bool> isDropped)
    {
        for (var place = list.Count - 1; place >= 0; place--)
        {
            if (isDropped(list[place])) list.RemoveAt(place);
        }
    }
}
