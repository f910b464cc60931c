using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Requantization;

/// <summary>A quantized model made float, as a file that can be quantized like any other.</summary>
internal static class FloatFile
{
    /// <summary>With its handling of quantized graphs off, ONNX Runtime folds what dequantizes a constant like any other node.</summary>
    private static readonly RuntimeSettings Folding = OnnxRuntimeSession.Plain with
    {
        SessionEntries = new Dictionary<string, string> { [NeededSettings.NoQuantized] = "1" },
    };

    /// <summary>Writes it.</summary>
    /// <param name="quantizedPath">The quantized model.</param>
    /// <param name="path">Where the float one goes.</param>
    /// <param name="largest">Most bytes of one file.</param>
    /// <exception cref="InvalidDataException">It has no float form; the message says why.</exception>
    public static void Write(string quantizedPath, string path, long largest)
    {
        var name = Path.GetFileName(quantizedPath);
        var unfolded = path + ".unfolded";
        try
        {
            OnnxFile.Save(FloatForm.Of(PreparedModel.Read(quantizedPath)), unfolded, largest);
            OnnxRuntimeSession.SaveOptimized(unfolded, path, GraphOptimizationLevel.ORT_ENABLE_BASIC, Folding, name, largest);
            var model = OnnxFile.Load(path);
            if (QuantizedForm.Of(model) is { } form)
                throw new InvalidDataException(
                    $"{name} cannot be made float again: part of it has no float form ({form}). Give the float model that it was made of.");
            FoldFactors(model);
            OnnxFile.Save(model, path, largest);
        }
        finally
        {
            OnnxFile.Delete(unfolded);
        }
    }

    /// <summary>
    /// Multiplies into the weights of products what their outputs are multiplied with: the scale that integers had, which would be an
    /// operator of its own now.
    /// </summary>
    private static void FoldFactors(ModelProto model)
    {
        var graph = new OnnxGraph(model);
        foreach (var product in model.Graph.Node.Where(node => node.Is("MatMul")).ToArray())
        {
            if (graph.Constant(product.Input[1]) is not { Dims.Count: 2 } weight || !weight.Is(TensorProto.Types.DataType.Float)
                || graph.ConsumersOf(weight.Name).Count != 1 || graph.OnlyConsumerOf(product.Output[0]) is not { } factor
                || !factor.Is("Mul") || !model.Graph.Node.Contains(factor))
                continue;
            var other = factor.Input[0] == product.Output[0] ? factor.Input[1] : factor.Input[0];
            if (graph.Constant(other) is not { Dims.Count: <= 1 } by || !by.Is(TensorProto.Types.DataType.Float)) continue;
            var (values, factors, columns) = (weight.ToSingles(), by.ToSingles(), (int)weight.Dims[1]);
            if (factors.Length != 1 && factors.Length != columns) continue;
            for (var i = 0; i < values.Length; i++) values[i] *= factors[factors.Length == 1 ? 0 : i % columns];
            model.Graph.Initializer[model.Graph.Initializer.IndexOf(weight)] = Tensors.Of(weight.Name, values, [.. weight.Dims]);
            product.Output[0] = factor.Output[0];
            model.Graph.Node.Remove(factor);
        }
    }
}
