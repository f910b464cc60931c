using System.IO.Enumeration;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// The layers of a graph that a person named, by first output: those that stay float, and those that alone are quantized. A layer is named
/// by its name, by a value that it makes, or with all of its kind by its operator; a star stands for any letters.
/// </summary>
internal sealed class NamedLayers
{
    /// <summary>Names that a refusal lists where none is near.</summary>
    private const int MostListed = 8;

    private const string Fused = "/MatMulAddFusion";

    private readonly HashSet<string>? _only;

    private NamedLayers(HashSet<string> kept, HashSet<string>? only) => (Kept, _only) = (kept, only);

    /// <summary>First outputs of what stays float.</summary>
    public IReadOnlySet<string> Kept { get; }

    /// <summary>Finds what was named; null where nothing was.</summary>
    /// <param name="graph">The prepared graph.</param>
    /// <param name="keep">What stays float.</param>
    /// <param name="only">What alone is quantized; empty for everything.</param>
    /// <exception cref="InvalidDataException">
    /// A name is not of this graph, and the message holds the nearest that is; or all that it means in one list is in the other.
    /// </exception>
    public static NamedLayers? In(OnnxGraph graph, IReadOnlyList<string> keep, IReadOnlyList<string> only)
    {
        if (keep.Count == 0 && only.Count == 0) return null;
        NodeProto[] nodes = [.. Scopes.NodesOf(graph.Graph).Where(node => node.OutputAt(0) is not null)];
        HashSet<string> Found(IReadOnlyList<string> names, string option)
            => [.. names.SelectMany(name => Matching(nodes, name, option)).Select(node => node.Output[0])];
        var kept = Found(keep, "keep");
        foreach (var name in only.Where(name => Matching(nodes, name, "only").All(node => kept.Contains(node.Output[0]))))
            throw new InvalidDataException($"'{name}' of --only (in a build spec quantization.only) is to stay float by --keep "
                + "(quantization.keep): leave one of the two out.");
        return new NamedLayers(kept, only.Count == 0 ? null : Found(only, "only"));
    }

    /// <summary>Bits by first output of the matrix products that were named; of two that name one the later holds.</summary>
    /// <exception cref="InvalidDataException">A name is not of this graph, or of no product with constant weights.</exception>
    public static IReadOnlyDictionary<string, int> BitsIn(OnnxGraph graph, IReadOnlyList<LayerBits> named)
    {
        NodeProto[] nodes = [.. Scopes.NodesOf(graph.Graph).Where(node => node.OutputAt(0) is not null)];
        var products = MatrixProducts.Of(graph).Select(product => product.Node.Output[0]).ToHashSet();
        var bits = new Dictionary<string, int>();
        foreach (var layer in named)
        {
            string[] found = [.. Matching(nodes, layer.Layer, "bits").Select(node => node.Output[0]).Where(products.Contains)];
            if (found.Length == 0)
                throw new InvalidDataException($"'{layer.Layer}' of --bits (in a build spec quantization.bits) is no matrix product with "
                    + "constant weights; only MatMul and Gemm are stored in so few bits.");
            foreach (var output in found) bits[output] = layer.Bits;
        }
        return bits;
    }

    /// <summary>True when the operator of that first output may be quantized.</summary>
    public bool MayChange(string output) => !Kept.Contains(output) && _only?.Contains(output) != false;

    private static NodeProto[] Matching(NodeProto[] nodes, string name, string option)
    {
        bool Means(string candidate) => name.Contains('*', StringComparison.Ordinal)
            ? FileSystemName.MatchesSimpleExpression(name, candidate, ignoreCase: false)
            : candidate == name;
        NodeProto[] found = [
            .. nodes.Where(node => NamesOf(node).Any(Means) || node.Output.Any(Means)
                || KindsOf(node).Any(kind => string.Equals(kind, name, StringComparison.OrdinalIgnoreCase))),
        ];
        if (found.Length > 0) return found;
        string[] kinds = [.. nodes.SelectMany(KindsOf).Distinct().Order(StringComparer.Ordinal)];
        string[] titles = [.. nodes.SelectMany(NamesOf)];
        throw new InvalidDataException($"'{name}' of --{option} (in a build spec quantization.{option}) is no layer and no operator of the "
            + (NearestWord.Of(name, [.. titles, .. kinds]) is { } near
                ? $"model; did you mean '{near}'?"
                : $"model. Its operators are {string.Join(", ", kinds)}; its layers {string.Join(", ", titles.Take(MostListed))}"
                    + $"{(titles.Length > MostListed ? " and others" : "")}."));
    }

    /// <summary>
    /// Of a product that took in the sum behind it, which the runtime names <c>dense/MatMulAddFusion</c>, its own name too.
    /// </summary>
    private static IEnumerable<string> NamesOf(NodeProto node) => IsFused(node) ? [node.Name[..^Fused.Length], node.Name] : [node.Title()];

    private static IEnumerable<string> KindsOf(NodeProto node) => IsFused(node) ? ["MatMul", node.OpType] : [node.OpType];

    private static bool IsFused(NodeProto node) => node.Name.EndsWith(Fused, StringComparison.Ordinal);
}
