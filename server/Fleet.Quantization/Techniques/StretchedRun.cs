using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// Runs a model over a few samples from front to back in stretches. What later nodes read is held, so that a stretch begins where
/// the one before ended, and what lies behind that point may have other numbers each time: to see every layer after the ones before
/// it were changed runs the model twice, however many layers there are.
/// </summary>
internal sealed class StretchedRun : IDisposable
{
    private readonly List<Feed> _feeds = [];
    private readonly List<Dictionary<string, OrtValue>> _held = [];
    private string[] _made = [];

    private StretchedRun()
    {
    }

    /// <summary>Begins with the inputs.</summary>
    /// <param name="model">Carries the state through samples that are the steps of a sequence: whatever is run later sees the states of
    /// this model.</param>
    /// <param name="samples">The samples; all of them are held.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static StretchedRun Over(ModelProto model, IFeedSource samples, CancellationToken cancellationToken)
    {
        var run = new StretchedRun();
        InferenceSession? session = null;
        try
        {
            using var options = new RunOptions();
            foreach (var feed in samples.Batches(1))
            {
                run._feeds.Add(feed);
                run._held.Add(feed.Names.Zip(feed.Values).ToDictionary(pair => pair.First, pair => pair.Second));
                cancellationToken.ThrowIfCancellationRequested();
                if (!feed.CarriesState) continue;
                session ??= OnnxRuntimeSession.Open(model.ToByteArray(), "the model to quantize");
                feed.Run(session, options, []).Dispose();
            }
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>
    /// Runs on to the node that makes <paramref name="value"/>, shows what it makes of each sample and stops in front of it: the next
    /// stretch runs it again. Each call must name a later node than the one before.
    /// </summary>
    /// <param name="model">A model with the nodes and names of the one given the first time.</param>
    /// <param name="value">An inner value.</param>
    /// <param name="see">Told the value of each sample.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <returns>
    /// False when the run cannot go on: what must be held is not a tensor, or the model makes other values than the one before.
    /// </returns>
    public bool Until(ModelProto model, string value, Action<OrtValue> see, CancellationToken cancellationToken)
    {
        string[] made = [.. model.Graph.Node.SelectMany(node => node.Output)];
        if (_made.Length > 0 && !made.SequenceEqual(_made)) return false;
        _made = made;
        var stretch = Stretch.To(value, model, _held[0]);
        using var session = OnnxRuntimeSession.Open(stretch.Model.ToByteArray(), "a stretch of the model to quantize");
        using var options = new RunOptions();
        foreach (var held in _held)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var results = session.Run(options, stretch.Inputs, [.. stretch.Inputs.Select(input => held[input])], stretch.Outputs);
            var isTensor = results.All(result => result.OnnxType == OnnxValueType.ONNX_TYPE_TENSOR);
            foreach (var (name, result) in stretch.Outputs.Zip(results))
            {
                if (name == value) see(result);
                if (isTensor && stretch.Held.Contains(name)) held[name] = result;
                else result.Dispose();
            }
            if (!isTensor) return false;
            foreach (var passed in held.Keys.Where(name => !stretch.Held.Contains(name)).ToArray())
            {
                held.Remove(passed, out var unread);
                unread!.Dispose();
            }
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in _held.SelectMany(held => held.Values)) value.Dispose();
        foreach (var feed in _feeds) feed.Dispose();
    }

    /// <summary>The part of a model between what is held and a value.</summary>
    /// <param name="Model">The part.</param>
    /// <param name="Inputs">What it reads of what is held.</param>
    /// <param name="Outputs">The value, and what is to be held and is not yet.</param>
    /// <param name="Held">All that the node of the value and those behind it read.</param>
    private sealed record Stretch(ModelProto Model, string[] Inputs, string[] Outputs, HashSet<string> Held)
    {
        public static Stretch To(string value, ModelProto model, Dictionary<string, OrtValue> held)
        {
            var nodes = model.Graph.Node;
            var end = nodes.Select(node => node.Output.Contains(value)).ToList().IndexOf(true);
            // What depends on no input is computed where it is read: it is the same for every sample, and may be what changes.
            var made = new HashSet<string>(model.Graph.Input.Select(input => input.Name));
            foreach (var node in nodes.Take(end).Where(node => OnnxGraph.ValuesReadBy(node).Any(made.Contains)))
                made.UnionWith(node.Output);
            var ahead = nodes.Skip(end).SelectMany(OnnxGraph.ValuesReadBy)
                .Where(name => name.Length > 0 && made.Contains(name)).ToHashSet();

            var (wanted, part) = (new HashSet<string>(ahead.Where(name => !held.ContainsKey(name))) { value }, new Stack<NodeProto>());
            string[] outputs = [.. wanted];
            for (var i = end; i >= 0; i--)
            {
                if (!nodes[i].Output.Any(wanted.Contains)) continue;
                part.Push(nodes[i]);
                wanted.UnionWith(OnnxGraph.ValuesReadBy(nodes[i]).Where(name => !held.ContainsKey(name)));
            }
            var read = part.SelectMany(OnnxGraph.ValuesReadBy).ToHashSet();
            string[] inputs = [.. held.Keys.Where(read.Contains)];
            var graph = new GraphProto { Name = model.Graph.Name };
            graph.Node.AddRange(part);
            graph.Initializer.AddRange(
                model.Graph.Initializer.Where(constant => read.Contains(constant.Name) && !held.ContainsKey(constant.Name)));
            graph.SparseInitializer.AddRange(model.Graph.SparseInitializer.Where(constant => read.Contains(constant.Values.Name)));
            graph.Input.AddRange(inputs.Select(input => Described(input, held[input])));
            graph.Output.AddRange(outputs.Select(output => new ValueInfoProto { Name = output }));
            var alone = new ModelProto { IrVersion = model.IrVersion, Graph = graph };
            alone.OpsetImport.AddRange(model.OpsetImport);
            alone.Functions.AddRange(model.Functions);
            return new Stretch(alone, inputs, outputs, ahead);
        }

        /// <summary>Type and number of axes; extents may differ between samples.</summary>
        private static ValueInfoProto Described(string name, OrtValue value)
        {
            var tensor = value.GetTensorTypeAndShape();
            var shape = new TensorShapeProto();
            shape.Dim.AddRange(tensor.Shape.Select(_ => new TensorShapeProto.Types.Dimension()));
            return new ValueInfoProto
            {
                Name = name,
                Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)tensor.ElementDataType, Shape = shape } },
            };
        }
    }
}
