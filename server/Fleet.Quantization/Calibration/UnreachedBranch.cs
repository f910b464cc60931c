using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Calibration;

/// <summary>A branch of an <c>If</c>, or the body of a <c>Loop</c>, that no sample runs: no figure tells what rounding it costs.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Values">What is computed in it.</param>
internal sealed record UnreachedBranch(string Name, IReadOnlySet<string> Values)
{
    /// <summary>
    /// Those of a model; of branches within one, the outer alone. None where the runtime refuses to count, which is no reason to refuse it.
    /// </summary>
    /// <param name="model">A prepared model, whose names are unique.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static IReadOnlyList<UnreachedBranch> Of(ModelProto model, IFeedSource samples, CancellationToken cancellationToken)
    {
        if (!Scopes.NodesOf(model.Graph).Any(node => node.Is("If") || node.Is("Loop"))) return [];
        var counting = model.Clone();
        var left = new Marks([.. new OnnxGraph(counting).Names]).In(counting.Graph).ToDictionary(mark => mark.Value, mark => mark.Branch);
        counting.Graph.Output.Add(left.Keys.Select(Marks.Output));
        try
        {
            Count(counting, left, samples, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException)
        {
            return [];
        }
        return Outermost([.. left.Values]);
    }

    /// <summary>The graphs that a node carries, each as it is called where nothing runs it.</summary>
    public static IEnumerable<(GraphProto Graph, UnreachedBranch Branch)> In(NodeProto node)
    {
        var title = node.Name.Length > 0 ? $"{node.OpType} {node.Name}" : node.Title();
        return node.Attribute.Where(attribute => attribute.G is not null).Select(attribute => (attribute.G, new UnreachedBranch(
            $"the {attribute.Name.Replace('_', ' ')} of {title}",
            Scopes.NodesOf(attribute.G).SelectMany(inner => inner.Output).Where(value => value.Length > 0).ToHashSet())));
    }

    /// <summary>Without those that lie within others.</summary>
    public static IReadOnlyList<UnreachedBranch> Outermost(IReadOnlyList<UnreachedBranch> branches)
        => [.. branches.Where(branch => !branches.Any(outer => outer.Values.IsProperSupersetOf(branch.Values)))];

    /// <summary>Takes away what some sample reaches.</summary>
    private static void Count(
        ModelProto counting, Dictionary<string, UnreachedBranch> left, IFeedSource samples, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(counting, "the model whose branches are counted");
        using var options = new RunOptions();
        foreach (var feed in samples.Batches(1))
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (left.Count == 0) break;
                string[] asked = [.. left.Keys];
                using var counts = feed.Run(session, options, asked);
                foreach (var (name, count) in asked.Zip(counts))
                {
                    if (count.GetTensorDataAsSpan<long>()[0] > 0) left.Remove(name);
                }
            }
        }
    }

    /// <summary>Makes a model count how often each branch is run, in values that leave every graph as outputs of its node.</summary>
    /// <param name="taken">Names of values.</param>
    private sealed class Marks(HashSet<string> taken)
    {
        public static ValueInfoProto Output(string name) => new()
        {
            Name = name,
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Int64, Shape = new TensorShapeProto() },
            },
        };

        /// <summary>The counts that are known in a graph, of all branches within it.</summary>
        public List<(string Value, UnreachedBranch Branch)> In(GraphProto graph)
        {
            var known = new List<(string, UnreachedBranch)>();
            foreach (var node in graph.Node.ToArray())
            {
                if (node.Is("If")) known.AddRange(OfIf(node));
                else if (node.Is("Loop")) known.AddRange(OfLoop(node, graph));
            }
            return known;
        }

        private IEnumerable<(string, UnreachedBranch)> OfIf(NodeProto node)
        {
            (GraphProto Graph, List<(string Value, UnreachedBranch Branch)> Marks)[] branches = [
                .. UnreachedBranch.In(node).ToArray()
                    .Select(one => (one.Graph, In(one.Graph).Prepend((Constant(one.Graph, 1), one.Branch)).ToList())),
            ];
            // Both branches write the counts of both, those of the first in front.
            foreach (var (graph, _) in branches)
            {
                string[] counts = [
                    .. branches.SelectMany(one => one.Marks.Select(mark => one.Graph == graph ? mark.Value : Constant(graph, 0))),
                ];
                graph.Output.Add(counts.Select(Output));
            }
            foreach (var (_, branch) in branches.SelectMany(one => one.Marks))
            {
                var outer = New();
                node.Output.Add(outer);
                yield return (outer, branch);
            }
        }

        private IEnumerable<(string, UnreachedBranch)> OfLoop(NodeProto node, GraphProto graph)
        {
            var (body, branch) = UnreachedBranch.In(node).Single();
            var inner = In(body);
            foreach (var (value, within) in inner.Prepend((Constant(body, 1), branch)).ToArray())
            {
                // What a body writes beyond what it carries is collected over all turns.
                body.Output.Add(Output(value));
                var (turns, sum) = (New(), New());
                node.Output.Add(turns);
                graph.Node.Insert(graph.Node.IndexOf(node) + 1, Nodes.Node("ReduceSum", [turns], [sum]).With("keepdims", 0));
                yield return (sum, within);
            }
        }

        private string New() => Nodes.NewName("count", taken);

        private string Constant(GraphProto graph, long value)
        {
            var name = New();
            var constant = Nodes.Node("Constant", [], [name]);
            constant.Attribute.Add(new AttributeProto { Name = "value", Type = AttributeType.Tensor, T = Tensors.Of("", [value]) });
            graph.Node.Add(constant);
            return name;
        }
    }
}
