using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf.Collections;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// The graphs of a model: the main one, and those that its <c>If</c>, <c>Loop</c> and <c>Scan</c> nodes carry. A graph reads the
/// values of the graphs around it by name, and branches may use a name twice.
/// </summary>
internal static class Scopes
{
    /// <summary>Constants of fewer bytes are not worth a place of their own.</summary>
    private const int SmallestShared = 256;

    /// <summary>A graph and all graphs within it, outer ones first.</summary>
    public static IEnumerable<GraphProto> Of(GraphProto graph)
        => graph.Node.SelectMany(node => node.Subgraphs()).SelectMany(Of).Prepend(graph);

    /// <summary>The nodes of a graph and of all graphs within it.</summary>
    public static IEnumerable<NodeProto> NodesOf(GraphProto graph) => Of(graph).SelectMany(scope => scope.Node);

    /// <summary>Gives every value of every graph a name of its own, so that a name alone says which value is meant.</summary>
    public static void MakeNamesUnique(GraphProto main)
    {
        var taken = new HashSet<string>(DefinedIn(main));
        foreach (var graph in main.Node.SelectMany(node => node.Subgraphs()))
            MakeNamesUnique(graph, taken, new Dictionary<string, string>());
    }

    /// <summary>
    /// Takes a prefix from the names of values whose names without it are free, so that people find the layers that they know. Names
    /// must be unique.
    /// </summary>
    public static void RestoreNames(GraphProto main, string prefix)
    {
        var taken = new HashSet<string>(Of(main).SelectMany(DefinedIn));
        var kept = new HashSet<string>(Of(main).SelectMany(graph => graph.Input.Concat(graph.Output)).Select(value => value.Name));
        var renamed = taken.Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !kept.Contains(name))
            .Select(name => (name, Plain: name[prefix.Length..])).Where(pair => pair.Plain.Length > 0 && !taken.Contains(pair.Plain))
            .ToDictionary(pair => pair.name, pair => pair.Plain);
        if (renamed.Count == 0) return;
        foreach (var graph in Of(main))
        {
            foreach (var tensor in graph.Initializer) tensor.Name = renamed.GetValueOrDefault(tensor.Name, tensor.Name);
            foreach (var value in graph.ValueInfo) value.Name = renamed.GetValueOrDefault(value.Name, value.Name);
        }
        foreach (var node in NodesOf(main))
        {
            Rename(node.Input, renamed);
            Rename(node.Output, renamed);
        }
    }

    /// <summary>
    /// Keeps one copy of large constants that several graphs hold alike, in the main graph, where all of them can read it:
    /// folding leaves a copy of the same weights in each branch of an <c>If</c>. Names must be unique.
    /// </summary>
    public static void ShareConstants(GraphProto main)
    {
        var returned = new HashSet<string>(Of(main).SelectMany(graph => graph.Output.Select(output => output.Name)));
        var renamed = new Dictionary<string, string>();
        var copies = Of(main).SelectMany(graph => graph.Initializer.Select(tensor => (graph, tensor)))
            .Where(copy => copy.tensor.RawData.Length >= SmallestShared && !returned.Contains(copy.tensor.Name))
            .GroupBy(copy => (copy.tensor.DataType, string.Join(',', copy.tensor.Dims), copy.tensor.RawData))
            .Where(group => group.Skip(1).Any()).Select(group => group.ToArray()).ToArray();
        foreach (var group in copies)
        {
            var (home, kept) = group[0];
            foreach (var (graph, tensor) in group.Skip(1))
            {
                graph.Initializer.Remove(tensor);
                renamed[tensor.Name] = kept.Name;
            }
            if (home == main) continue;
            home.Initializer.Remove(kept);
            main.Initializer.Add(kept);
        }
        foreach (var node in NodesOf(main)) Rename(node.Input, renamed);
    }

    private static void MakeNamesUnique(GraphProto graph, HashSet<string> taken, IReadOnlyDictionary<string, string> around)
    {
        var names = around.ToDictionary();
        foreach (var name in DefinedIn(graph).Where(name => name.Length > 0).ToArray())
        {
            names.Remove(name);
            if (taken.Add(name)) continue;
            var number = 2;
            while (!taken.Add($"{name}_{number}")) number++;
            names[name] = $"{name}_{number}";
        }
        string New(string name) => names.GetValueOrDefault(name, name);
        foreach (var tensor in graph.Initializer) tensor.Name = New(tensor.Name);
        foreach (var value in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo)) value.Name = New(value.Name);
        foreach (var node in graph.Node)
        {
            Rename(node.Input, names);
            Rename(node.Output, names);
            foreach (var inner in node.Subgraphs()) MakeNamesUnique(inner, taken, names);
        }
    }

    private static IEnumerable<string> DefinedIn(GraphProto graph) => graph.Input.Select(input => input.Name)
        .Concat(graph.Initializer.Select(tensor => tensor.Name)).Concat(graph.Node.SelectMany(node => node.Output)).Distinct();

    private static void Rename(RepeatedField<string> values, IReadOnlyDictionary<string, string> names)
    {
        for (var i = 0; i < values.Count; i++) values[i] = names.GetValueOrDefault(values[i], values[i]);
    }
}
