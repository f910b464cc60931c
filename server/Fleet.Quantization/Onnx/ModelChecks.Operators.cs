using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>The part that looks at the operators and functions of a model.</summary>
internal static partial class ModelChecks
{
    /// <summary>Operators of domains that neither the runtime nor the model's own functions define, or null.</summary>
    private static string? ForeignOperators(ModelProto model)
    {
        var own = model.Functions.Select(function => (function.Domain, function.Name)).ToHashSet();
        string[] foreign = [.. Scopes.NodesOf(model.Graph)
            .Where(node => !node.IsStandard() && !KnownDomains.Contains(node.Domain) && !own.Contains((node.Domain, node.OpType)))
            .Select(node => $"{node.Domain}.{node.OpType}").Distinct()];
        return foreign.Length == 0
            ? null
            : string.Join(", ", foreign.Take(8)) + (foreign.Length > 8 ? $" and {foreign.Length - 8} more" : "");
    }

    /// <summary>A function of the model that calls itself, directly or through others: inlining it would never end.</summary>
    private static string? RecursiveFunction(ModelProto model)
    {
        var calls = model.Functions.GroupBy(function => (function.Domain, function.Name)).ToDictionary(group => group.Key,
            group => group.SelectMany(function => function.Node)
                .SelectMany(node => node.Subgraphs().SelectMany(Scopes.NodesOf).Prepend(node))
                .Select(node => (node.Domain, node.OpType)).ToHashSet());
        foreach (var start in calls.Keys)
        {
            var reached = new HashSet<(string, string)>();
            var open = new Stack<(string, string)>([start]);
            while (open.TryPop(out var function))
            {
                foreach (var called in calls[function].Where(calls.ContainsKey))
                {
                    if (called == start) return $"{start.Domain}.{start.Name}";
                    if (reached.Add(called)) open.Push(called);
                }
            }
        }
        return null;
    }
}
