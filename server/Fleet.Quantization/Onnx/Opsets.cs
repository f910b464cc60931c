using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>The operator sets a model is written in.</summary>
internal static class Opsets
{
    /// <summary>The long spelling of the standard domain, whose usual one is empty.</summary>
    public const string StandardName = "ai.onnx";

    /// <summary>Domain of ONNX Runtime's own operators.</summary>
    public const string Microsoft = "com.microsoft";

    /// <summary>Version of the standard operators; 1 when the model does not say.</summary>
    public static long StandardVersion(this ModelProto model)
        => model.OpsetImport.FirstOrDefault(set => IsStandard(set.Domain))?.Version ?? 1;

    /// <summary>Declares the version of a domain.</summary>
    public static void Declare(this ModelProto model, string domain, long version)
    {
        if (model.OpsetImport.FirstOrDefault(set => Same(set.Domain, domain)) is { } declared) declared.Version = version;
        else model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = version });
    }

    /// <summary>Drops every declared domain that no node uses: ONNX Runtime adds all it knows when it saves a model.</summary>
    public static void DropUnused(this ModelProto model)
    {
        var used = new HashSet<string> { "" };
        void Visit(IEnumerable<NodeProto> nodes)
        {
            foreach (var node in nodes)
            {
                used.Add(IsStandard(node.Domain) ? "" : node.Domain);
                foreach (var graph in node.Subgraphs()) Visit(graph.Node);
            }
        }
        Visit(model.Graph.Node);
        foreach (var function in model.Functions) Visit(function.Node);
        for (var i = model.OpsetImport.Count - 1; i >= 0; i--)
        {
            if (!used.Contains(IsStandard(model.OpsetImport[i].Domain) ? "" : model.OpsetImport[i].Domain)) model.OpsetImport.RemoveAt(i);
        }
    }

    private static bool IsStandard(string domain) => domain is "" or StandardName;

    private static bool Same(string one, string other) => one == other || IsStandard(one) && IsStandard(other);
}
