using System.Numerics.Tensors;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// 8-bit weights per channel and 8-bit activations with ranges fixed by calibration, as a QDQ model. Of what lies in a branch or body that
/// calibration never reaches weights alone are bytes.
/// </summary>
/// <param name="name">Name of the scheme.</param>
/// <param name="form">The integers.</param>
/// <param name="suffix">Short form of the name.</param>
/// <param name="floatStem">Keeps the first layers of an image network float (<see cref="FloatStem"/>).</param>
internal sealed class StaticInt8Scheme(string name, IntegerForm form, string suffix = "int8", bool floatStem = false) : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public string Suffix => suffix;

    /// <inheritdoc/>
    /// <remarks>The forms for processors have 255 or 256 levels, whichever of them are below zero.</remarks>
    public string? RoundsAs => form.Symmetric ? null : "int8-static";

    /// <summary>The integers it writes.</summary>
    public IntegerForm Form => form;

    /// <inheritdoc/>
    /// <remarks>A float bias has no rounding error to fold in, but the shift of a layer's output can be folded all the same.</remarks>
    public IReadOnlyList<Technique> Helpers { get; } = [
        Technique.Equalization, Technique.Smoothing, Technique.StrongerSmoothing, Technique.CompensatedRounding, Technique.BiasCorrection,
    ];

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => !floatStem || FloatStem.Of(graph).Count > 0 && WeightShare.IsWorthwhile(graph, PlanOf(graph).Weighted.Keys);

    /// <inheritdoc/>
    /// <remarks>Those that share another's scale as well: they need a range of their own once what lies between is kept float.</remarks>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [.. PlanOf(graph).Values];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
    {
        var plan = PlanOf(graph);
        var weighted = Scopes.NodesOf(graph.Graph).Select(node => node.OutputAt(0)).OfType<string>().Where(plan.Weighted.ContainsKey);
        return [.. weighted, .. InFloat(graph), .. form.Symmetric ? [] : EmbeddingTables.OperatorsOf(graph)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> InFloat(OnnxGraph graph) => [.. AtRest(graph).Select(weight => weight.Readers[0]).Distinct()];

    /// <inheritdoc/>
    public RuntimeSettings Runtime(RuntimeSettings ofProfile) => form.IsUnsaturated ? NeededSettings.Unguarded(ofProfile) : ofProfile;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has nothing this scheme could quantize.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var graph = source.Model.Graph;
        var stem = StemOf(graph);
        if (floatStem && stem.Count == 0)
            throw new InvalidDataException(
                "The model does not begin with a convolution over an image's few channels, which is what this scheme keeps in float.");
        var unseen = UnseenIn(source).SelectMany(branch => branch.Values).ToHashSet();
        var plan = QuantizationPlan.For(graph, form, stem.Concat(keptFloat).Concat(unseen).ToHashSet());
        if (plan.Weighted.Count == 0 && keptFloat.Count == 0)
            throw new InvalidDataException(
                $"{(stem.Count > 0 ? "Beyond the first layers, which this scheme keeps in float, the model" : "The model")} has no "
                    + $"{(form.Symmetric ? "ConvTranspose, " : "")}Conv, Gemm or MatMul with constant float weights "
                    + $"{(form.Symmetric ? "outside If, Loop and Scan, " : unseen.Count > 0 ? "that calibration samples reach, " : "")}"
                    + $"which is what static int8 quantizes.{MatrixProducts.Stacked(graph)}");
        var written = SharedWeights.Unsigned(QdqWriter.Write(
            graph, plan, form, source.RangesOf(plan.CalibratedValues, form), source.WeightScales));
        // TensorRT's rules know Q and DQ in front of convolutions and matrix products alone.
        var made = form.Symmetric
            ? TiedTable.PickFromWeights(written, graph)
            : WeightsAtRest.Store(EmbeddingTables.Shrink(written, keptFloat, graph, form.UnsignedWeights, form.IsUnsaturated),
                AtRest(graph, unseen).Where(weight => !weight.Readers.Any(keptFloat.Contains)));
        return form.Symmetric || source.Held.Count > 0 ? made : FloatVectors.Halve(made);
    }

    /// <summary>
    /// Branches and bodies that hold what it quantizes, of whose values calibration saw none; of those within one another the outer alone.
    /// </summary>
    public IReadOnlyList<UnreachedBranch> UnseenIn(QuantizationSource source)
    {
        var graph = source.Model.Graph;
        var branches = Scopes.NodesOf(graph.Graph).SelectMany(UnreachedBranch.In).ToArray();
        if (branches.Length == 0) return [];
        var unseen = CalibratedValues(graph).Where(value => source.Histograms.GetValueOrDefault(value) is not { Count: > 0 }).ToHashSet();
        return UnreachedBranch.Outermost([
            .. branches.Where(one => one.Graph.Input.Select(input => input.Name).Concat(one.Graph.Node.SelectMany(node => node.Output))
                .Any(unseen.Contains)).Select(one => one.Branch),
        ]);
    }

    /// <inheritdoc/>
    public bool KeptMayShrink => true;

    /// <inheritdoc/>
    /// <remarks>TensorRT takes 16 bits behind a Cast, and bytes behind a DequantizeLinear alone.</remarks>
    public bool KeptMayBeBytes => !form.Symmetric;

    /// <summary>
    /// Scales of every float value of the model, for a runtime that chooses itself what it computes in integers and is told ranges alone.
    /// What layers that stay float write has none, nor has what is not finite.
    /// </summary>
    public IReadOnlyDictionary<string, float> ScalesOf(
        QuantizationSource source, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        string[] values = [
            .. graph.Graph.Input.Select(input => input.Name).Concat(graph.Graph.Node.SelectMany(node => node.Output))
                .Where(value => graph.TypeOf(value)?.TensorType?.ElemType == (int)TensorProto.Types.DataType.Float
                    && !keptFloat.Contains(value)),
        ];
        var seen = values.ToDictionary(value => value, value => source.Histograms.GetValueOrDefault(value) ?? new Histogram());
        var endless = new HashSet<string>();
        CalibrationRun.Observe(source.Model.Model, [.. values.Where(value => !source.Histograms.ContainsKey(value))], source.Samples!,
            source.BatchSize, (name, value) =>
            {
                // What masks with infinity has no range.
                var numbers = value.GetTensorDataAsSpan<float>();
                if (TensorPrimitives.IsFiniteAll(numbers)) seen[name].Add(numbers);
                else endless.Add(name);
            }, cancellationToken);
        return values.Where(value => seen[value].Count > 0 && !endless.Contains(value)).ToDictionary(
            value => value, value => Affine.For(source.Calibrator.Choose(seen[value], form), form).Scale);
    }

    private QuantizationPlan PlanOf(OnnxGraph graph) => QuantizationPlan.For(graph, form, StemOf(graph));

    /// <summary>
    /// Weights of operators that stay float for want of a kernel, or of samples that tell ranges; TensorRT chooses 16 bits for those
    /// itself.
    /// </summary>
    private IEnumerable<StoredWeight> AtRest(OnnxGraph graph, HashSet<string>? unseen = null)
        => form.Symmetric ? [] : WeightsAtRest.Of(
            graph, PlanOf(graph).Weighted.Keys.Where(output => unseen?.Contains(output) != true).Concat(StemOf(graph)).ToHashSet());

    private IReadOnlySet<string> StemOf(OnnxGraph graph) => floatStem ? FloatStem.Of(graph) : new HashSet<string>();
}
