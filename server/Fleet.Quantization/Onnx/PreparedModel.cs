using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// A float model in the shape the quantizer reads: batch normalization folded, dead nodes gone, constants folded, operator set
/// 13 or later, every node named, names unique across the graph and those inside its nodes, no weight subnormal. It computes what the
/// original computes.
/// </summary>
/// <param name="Model">The model.</param>
internal sealed record PreparedModel(ModelProto Model)
{
    /// <summary>Per-channel QuantizeLinear and DequantizeLinear exist from this operator set on.</summary>
    private const long SmallestOpset = 13;

    /// <summary>What the runtime calls the 32-bit copies of 16-bit values, before their name.</summary>
    private const string InsertedCast = "InsertedPrecisionFreeCast_", InsertedNote = "cast node to cast from float16";

    /// <summary>An index over the graph.</summary>
    public OnnxGraph Graph { get; } = new(Model);

    /// <summary>Prepares the model at <paramref name="path"/>.</summary>
    /// <param name="path">The model.</param>
    /// <param name="workFolder">Where scratch files go.</param>
    /// <param name="largest">Most bytes of one file.</param>
    /// <exception cref="InvalidDataException">It is not a model that ONNX Runtime loads; the message says why.</exception>
    public static PreparedModel From(string path, string workFolder, long largest = OnnxFile.MaximumBytes)
    {
        var source = Read(path);
        Directory.CreateDirectory(workFolder);
        var (plain, folded) = (Path.Combine(workFolder, "plain.onnx"), Path.Combine(workFolder, "folded.onnx"));
        try
        {
            OnnxFile.Save(source, plain, largest);
            // Of what was given no more than its notes are looked at from here on.
            source.Graph.Initializer.Clear();
            // Level basic folds and removes but keeps to standard operators; higher levels bind the file to this processor.
            OnnxRuntimeSession.SaveOptimized(plain, folded, GraphOptimizationLevel.ORT_ENABLE_BASIC, name: path, largest: largest);
            var model = OnnxFile.Load(folded);
            if (model.Graph.Node.Count == 0)
                throw new InvalidDataException(
                    $"{Path.GetFileName(path)} computes nothing: no operator is left once its constants are folded.");
            if (Scopes.Of(model.Graph).SelectMany(graph => graph.Initializer).Any(tensor => tensor.Is(DataType.Float16)))
            {
                // The CPU has few 16-bit kernels: the runtime casts weights for the others, once it has folded constants. Folded again,
                // they are constants like any other.
                OnnxRuntimeSession.SaveOptimized(folded, plain, GraphOptimizationLevel.ORT_ENABLE_BASIC, name: path, largest: largest);
                model = OnnxFile.Load(plain);
            }
            SubnormalWeights.Clear(model);
            Clean(model, source);
            Scopes.MakeNamesUnique(model.Graph);
            Scopes.RestoreNames(model.Graph, InsertedCast);
            Scopes.ShareConstants(model.Graph);
            ValueTypes.InferInto(model);
            if (model.StandardVersion() < SmallestOpset) OpsetUpgrade.To13(model);
            model.DropUnused();
            NameNodes(model.Graph);
            return new PreparedModel(model);
        }
        catch (InvalidDataException e) when (e.InnerException is OnnxRuntimeException writing && RuntimeRefusal.IsWriting(writing))
        {
            throw new IOException(
                $"The prepared copy of {Path.GetFileName(path)} could not be written into {workFolder}; make room there.", e);
        }
        catch (InvalidDataException e) when (e.InnerException is OnnxRuntimeException)
        {
            throw new InvalidDataException(RuntimeRefusal.IsMemory(e.InnerException)
                ? $"{Path.GetFileName(path)} needs more memory than it may have to compute its constants; allow more, or export it with "
                    + $"smaller ones."
                : $"{e.Message.TrimEnd('.')}; make sure that the model loads in ONNX Runtime, and export it again.", e);
        }
        finally
        {
            OnnxFile.Delete(plain);
            OnnxFile.Delete(folded);
        }
    }

    /// <summary>Reads a model and checks what can be checked before the runtime loads it.</summary>
    /// <exception cref="InvalidDataException">It is not a model, is broken, or uses operators the runtime does not have.</exception>
    public static ModelProto Read(string path)
    {
        var source = OnnxFile.Load(path);
        // Old exporters list weights as inputs too, which makes them replaceable and keeps the runtime from folding them.
        var constants = new HashSet<string>(source.Graph.Initializer.Select(tensor => tensor.Name));
        for (var i = source.Graph.Input.Count - 1; i >= 0; i--)
        {
            if (constants.Contains(source.Graph.Input[i].Name)) source.Graph.Input.RemoveAt(i);
        }
        if (ModelChecks.ProblemOf(source) is { } problem) throw new InvalidDataException($"{Path.GetFileName(path)} {problem}");
        // Before this version an initializer had to be an input as well.
        source.IrVersion = Math.Max(source.IrVersion, 4);
        return source;
    }

    private static void Clean(ModelProto model, ModelProto source)
    {
        (model.ProducerName, model.ProducerVersion, model.Domain, model.ModelVersion) = ("fleet", "", source.Domain, source.ModelVersion);
        model.MetadataProps.Clear();
        // What a variant needs is no property of the float model that was made of it.
        model.MetadataProps.AddRange(source.MetadataProps.Where(entry => entry.Key != NeededSettings.Key));
        (model.DocString, model.Graph.DocString) = (source.DocString, source.Graph.DocString);
        foreach (var (kept, given) in model.Graph.Input.Concat(model.Graph.Output)
            .Join(source.Graph.Input.Concat(source.Graph.Output), value => value.Name, value => value.Name, (kept, given) => (kept, given)))
        {
            kept.DocString = given.DocString;
        }
        foreach (var graph in Scopes.Of(model.Graph)) graph.MetadataProps.Clear();
        foreach (var node in Scopes.NodesOf(model.Graph))
        {
            // A person's note is a line. Several are where an exporter's source called the operator: often more bytes than a small model's
            // weights.
            // Nor is what the runtime writes on a Cast of its own a person's.
            if (node.DocString.Contains('\n', StringComparison.Ordinal) || (node.Is("Cast") && node.DocString.StartsWith(InsertedNote,
                StringComparison.Ordinal))) node.DocString = "";
            node.MetadataProps.Clear();
        }
    }

    private static void NameNodes(GraphProto graph)
    {
        var taken = new HashSet<string>();
        foreach (var node in Scopes.NodesOf(graph))
        {
            var name = node.Name.Length > 0 ? node.Name : node.OpType;
            for (var i = 1; !taken.Add(node.Name = i == 1 ? name : $"{name}_{i}"); i++) { }
        }
    }
}
