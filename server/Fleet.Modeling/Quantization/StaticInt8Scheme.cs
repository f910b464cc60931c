using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using static System.Collections.Frozen.FrozenSet<string>;

namespace Fleet.Modeling.Quantization;

/// <summary>8-bit weights per channel and 8-bit activations with ranges fixed by calibration, as a QDQ model.</summary>
internal sealed class StaticInt8Scheme(string name, IntegerForm form) : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public string Suffix => "int8";

    /// <summary>The integers it writes.</summary>
    public IntegerForm Form => form;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [.. QuantizationPlan.For(graph, form, Empty).CalibratedValues];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
    {
        var plan = QuantizationPlan.For(graph, form, Empty);
        return [.. graph.Graph.Node.Select(node => node.OutputAt(0)).OfType<string>().Where(plan.Weighted.ContainsKey)];
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has nothing this scheme could quantize.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var plan = QuantizationPlan.For(source.Model.Graph, form, keptFloat);
        if (plan.Weighted.Count == 0 && keptFloat.Count == 0)
            throw new InvalidDataException("The model has no Conv, Gemm or MatMul with constant float weights, which is what static int8 quantizes.");
        var written = QdqWriter.Write(source.Model.Graph, plan, form, source.RangesOf(plan.CalibratedValues, form));
        // TensorRT's rules know Q and DQ in front of convolutions and matrix products alone.
        return form.Symmetric ? written : EmbeddingTables.Shrink(written);
    }
}
