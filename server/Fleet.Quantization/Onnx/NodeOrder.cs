using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Puts operators behind those whose values they read. The format asks for that order and ONNX Runtime does not: it sorts what it
/// loads, and exporters rely on it.
/// </summary>
internal static class NodeOrder
{
    /// <summary>
    /// Sorts a graph and the graphs inside its nodes. What is in order already stays as it is; a cycle stays, for the checks to name.
    /// </summary>
    public static void Sort(GraphProto main)
    {
        foreach (var graph in Scopes.Of(main).ToArray()) SortNodes(graph);
    }

    /// <summary>Operators of a graph that read each other's values in a circle, each before the one that reads it; none in most.</summary>
    public static IReadOnlyList<NodeProto> CycleIn(GraphProto graph)
    {
        var makers = MakersIn(graph);
        var stuck = Enumerable.Range(0, graph.Node.Count).Except(InOrder(graph, makers)).ToHashSet();
        if (stuck.Count == 0) return [];
        // What is stuck waits for something that is stuck too: followed from maker to maker, the way comes to where it has been.
        var (way, been, at) = (new List<int>(), new HashSet<int>(), stuck.First());
        while (been.Add(at))
        {
            way.Add(at);
            at = MakersOf(graph.Node[at], makers).First(stuck.Contains);
        }
        return [.. way.SkipWhile(place => place != at).Reverse().Select(place => graph.Node[place])];
    }

    private static void SortNodes(GraphProto graph)
    {
        var order = InOrder(graph, MakersIn(graph));
        if (order.Index().All(one => one.Item == one.Index)) return;
        // What waits for itself is left at the end.
        int[] places = [.. order, .. Enumerable.Range(0, graph.Node.Count).Except(order)];
        NodeProto[] nodes = [.. places.Select(place => graph.Node[place])];
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
    }

    private static Dictionary<string, int> MakersIn(GraphProto graph)
    {
        var makers = new Dictionary<string, int>();
        foreach (var (place, node) in graph.Node.Index())
        {
            foreach (var output in node.Output.Where(output => output.Length > 0)) makers.TryAdd(output, place);
        }
        return makers;
    }

    private static IEnumerable<int> MakersOf(NodeProto node, Dictionary<string, int> makers)
        => OnnxGraph.ValuesReadBy(node).Where(makers.ContainsKey).Select(value => makers[value]).Distinct();

    private static List<int> InOrder(GraphProto graph, Dictionary<string, int> makers)
    {
        var waits = new int[graph.Node.Count];
        var readers = new Dictionary<int, List<int>>();
        foreach (var (place, node) in graph.Node.Index())
        {
            foreach (var maker in MakersOf(node, makers))
            {
                waits[place]++;
                if (!readers.TryGetValue(maker, out var waiting)) readers[maker] = waiting = [];
                waiting.Add(place);
            }
        }
        return InOrder(waits, readers);
    }

    /// <summary>Of those that wait for nothing the one that came first goes first.</summary>
    private static List<int> InOrder(int[] waits, Dictionary<int, List<int>> readers)
    {
        var ready = new PriorityQueue<int, int>(
            Enumerable.Range(0, waits.Length).Where(place => waits[place] == 0).Select(place => (place, place)));
        var order = new List<int>(waits.Length);
        while (ready.TryDequeue(out var place, out _))
        {
            order.Add(place);
            foreach (var reader in readers.GetValueOrDefault(place, []))
            {
                if (--waits[reader] == 0) ready.Enqueue(reader, reader);
            }
        }
        return order;
    }
}
