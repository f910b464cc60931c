using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>The part that says what is wrong with a graph.</summary>
internal sealed partial class OnnxGraph
{
    /// <summary>
    /// The problems of the structure of a graph and of the graphs inside its nodes: a value made twice, read before anything makes it, or
    /// made of itself.
    /// </summary>
    public static IReadOnlyList<string> ProblemsOf(GraphProto graph)
    {
        var problems = new List<string>();
        Judge(graph, new HashSet<string>(), problems);
        return problems;
    }

    private static void Judge(GraphProto graph, IReadOnlySet<string> around, List<string> problems)
    {
        var own = new HashSet<string>(graph.Input.Select(input => input.Name));
        if (own.Count < graph.Input.Count) problems.Add($"{Title(graph)} has two inputs of one name.");
        foreach (var name in graph.Initializer.Select(tensor => tensor.Name)
            .Concat(graph.SparseInitializer.Select(sparse => sparse.Values?.Name ?? "")).GroupBy(name => name))
        {
            if (name.Key.Length == 0 || name.Skip(1).Any())
                problems.Add(name.Key.Length == 0
                    ? $"{Title(graph)} has a constant without name."
                    : $"{Title(graph)} has two constants called '{name.Key}'.");
            own.Add(name.Key);
        }
        var known = new HashSet<string>(around);
        known.UnionWith(own);
        var (before, early) = (problems.Count, false);
        foreach (var node in graph.Node)
        {
            early |= ValuesReadBy(node).Any(value => !known.Contains(value));
            problems.AddRange(node.Input.Where(input => input.Length > 0 && !known.Contains(input))
                .Select(input => $"{node.Title()} reads '{input}', which nothing before it makes."));
            foreach (var inner in node.Subgraphs()) Judge(inner, known, problems);
            foreach (var output in node.Output.Where(output => output.Length > 0))
            {
                if (!own.Add(output)) problems.Add($"{node.Title()} makes '{output}', which is already there.");
                known.Add(output);
            }
        }
        if (early && NodeOrder.CycleIn(graph) is { Count: > 0 } cycle) problems.Insert(before, Circle(cycle));
        problems.AddRange(graph.Output.Where(output => !own.Contains(output.Name))
            .Select(output => $"Output '{output.Name}' is made by no node."));
        if (graph.Output.DistinctBy(output => output.Name).Count() < graph.Output.Count)
            problems.Add($"{Title(graph)} has two outputs of one name.");
    }

    private static string Circle(IReadOnlyList<NodeProto> cycle)
        => $"its operators wait for each other in a circle: {cycle[0].Title()} reads what {cycle[^1].Title()} makes, which is made of what "
            + $"{cycle[0].Title()} makes{(cycle.Count > 2 ? $", by way of {cycle.Count - 2} more" : "")}.";

    private static string Title(GraphProto graph) => graph.Name.Length > 0 ? $"Graph {graph.Name}" : "The graph";
}
