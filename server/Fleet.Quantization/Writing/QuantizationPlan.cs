using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Writing;

/// <summary>
/// What a graph becomes: which operators compute in integers, which values are rounded, which of them share a scale, and which
/// clamps disappear, inside <c>If</c>, <c>Loop</c> and <c>Scan</c> as well. A plan holds no numbers, so that one calibration serves every
/// form.
/// </summary>
internal sealed class QuantizationPlan
{
    private readonly OnnxGraph _graph;
    private readonly IntegerForm _form;
    private readonly Dictionary<string, WeightedOperator> _weighted = [];
    private readonly HashSet<string> _values = [];
    private readonly Dictionary<string, string> _sharedWith = [];
    private readonly Dictionary<string, string> _absorbedClamps = [];
    private readonly Dictionary<string, ValueRange> _fixedRanges = [];

    private readonly IReadOnlySet<string> _keptFloat;
    private readonly NodeProto[] _nodes;

    private QuantizationPlan(OnnxGraph graph, IntegerForm form, IReadOnlySet<string> keptFloat)
    {
        _graph = graph;
        _form = form;
        _keptFloat = keptFloat;
        // Outer graphs first: what an inner one reads of them lies in front of it. TensorRT is left to quantize the main graph alone.
        _nodes = [.. form.IntegerOutputs ? Scopes.NodesOf(graph.Graph) : graph.Graph.Node];
    }

    /// <summary>Convolutions and matrix products in integers, by output.</summary>
    public IReadOnlyDictionary<string, WeightedOperator> Weighted => _weighted;

    /// <summary>Values that are rounded to integers.</summary>
    public IReadOnlySet<string> Values => _values;

    /// <summary>Clamps that rounding makes superfluous: the value before the clamp, and the value after it, which replaces it.</summary>
    public IReadOnlyDictionary<string, string> AbsorbedClamps => _absorbedClamps;

    /// <summary>The value whose scale <paramref name="value"/> has: itself, or what it was moved from.</summary>
    public string ScaleSourceOf(string value) => _sharedWith.TryGetValue(value, out var source) ? ScaleSourceOf(source) : value;

    /// <summary>The values whose ranges must be known.</summary>
    public IEnumerable<string> CalibratedValues => _values.Select(ScaleSourceOf).Distinct();

    /// <summary>A range known without calibration, or null.</summary>
    public ValueRange? FixedRangeOf(string value) => _fixedRanges.TryGetValue(value, out var range) ? range : null;

    /// <summary>Plans <paramref name="graph"/> for <paramref name="form"/>.</summary>
    /// <param name="graph">A prepared graph.</param>
    /// <param name="form">The integers wanted.</param>
    /// <param name="keptFloat">First outputs of operators that stay float; of those without weights, that carry no integers on.</param>
    public static QuantizationPlan For(OnnxGraph graph, IntegerForm form, IReadOnlySet<string> keptFloat)
    {
        var plan = new QuantizationPlan(graph, form, keptFloat);
        plan.DemandAroundWeights();
        if (form.IntegerOutputs) plan.CarryIntegersThrough();
        plan.AbsorbClamps();
        return plan;
    }

    private void DemandAroundWeights()
    {
        foreach (var node in _nodes)
        {
            var found = WeightedOperator.At(node, _graph) ?? (_form.IntegerOutputs ? null : WeightedOperator.Transposed(node, _graph));
            if (found is not { } weighted || _keptFloat.Contains(node.Output[0])) continue;
            _weighted[node.Output[0]] = weighted;
            _values.Add(node.Input[0]);
            // An integer convolution writes integers; a matrix product may write float, which keeps the last layer exact.
            if (_form.IntegerOutputs && node.OpType == "Conv") _values.Add(AfterClamp(node.Output[0]));
        }
    }

    /// <summary>
    /// Keeps what lies between integer operators integer. A value is wanted when everything from it to an integer operator can
    /// pass integers on, and available when everything before it can; an operator between is integer when both hold.
    /// </summary>
    private void CarryIntegersThrough()
    {
        var available = new HashSet<string>(_values);
        foreach (var node in _nodes.Where(Carries))
        {
            if (DataInputs(node).All(input => available.Contains(input) || _graph.Constant(input) is not null))
                available.UnionWith(DataOutputs(node));
        }
        var wanted = new HashSet<string>(_values);
        foreach (var node in _nodes.AsEnumerable().Reverse().Where(Carries))
        {
            if (DataOutputs(node).Any(wanted.Contains)) wanted.UnionWith(DataInputs(node).Where(input => _graph.Constant(input) is null));
        }
        foreach (var node in _nodes.Where(Carries))
        {
            var inputs = DataInputs(node).Where(input => _graph.Constant(input) is null).ToArray();
            var outputs = DataOutputs(node).ToArray();
            if (!outputs.Any(wanted.Contains) || !inputs.All(available.Contains)) continue;
            _values.UnionWith(inputs);
            _values.UnionWith(outputs);
            if (OperatorRules.RoleOf(node.OpType) == OperatorRole.Passing)
            {
                foreach (var output in outputs) _sharedWith[output] = inputs[0];
            }
            else if (OperatorRules.FixedRangeOf(node.OpType) is { } range)
            {
                _fixedRanges[outputs[0]] = range;
            }
        }
    }

    private void AbsorbClamps()
    {
        if (!_form.ClampsAtZero) return;
        foreach (var node in _nodes)
        {
            if (node.Output.Count == 0 || AfterClamp(node.Output[0]) is var clamped && clamped == node.Output[0]) continue;
            if (_values.Contains(clamped) && (_weighted.ContainsKey(node.Output[0]) || IsRescaled(node)))
                _absorbedClamps[node.Output[0]] = clamped;
        }
    }

    private bool IsRescaled(NodeProto node) => node.IsStandard() && OperatorRules.RoleOf(node.OpType) == OperatorRole.Rescaling
        && DataInputs(node).All(input => _values.Contains(input) || _graph.Constant(input) is not null);

    /// <summary>An operator that can pass integers on, with the outputs it writes after a clamp has been absorbed.</summary>
    private bool Carries(NodeProto node) => node.IsStandard() && node.Output.Count > 0 && !_keptFloat.Contains(node.Output[0])
        && OperatorRules.RoleOf(node.OpType) switch
        {
            OperatorRole.Rescaling => DataInputs(node).Any(input => _graph.Constant(input) is null),
            // The second output of MaxPool is indices, which integers do not change but the integer kernel does not write.
            OperatorRole.Passing => _graph.Constant(node.Input[0]) is null && (node.OpType != "MaxPool" || node.OutputAt(1) is null),
            _ => false,
        };

    private static IEnumerable<string> DataInputs(NodeProto node)
        => (OperatorRules.TakesManyInputs(node.OpType) ? node.Input : node.Input.Take(1)).Where(input => input.Length > 0);

    private IEnumerable<string> DataOutputs(NodeProto node)
        => OperatorRules.RoleOf(node.OpType) == OperatorRole.Rescaling
            ? [AfterClamp(node.Output[0])]
            : node.Output.Where(output => output.Length > 0);

    /// <summary>
    /// The value after a Relu or Clip that alone reads <paramref name="value"/>, where rounding can replace it; otherwise the
    /// value itself. Its range is the one that counts: what the clamp cuts off needs no integers.
    /// </summary>
    private string AfterClamp(string value)
    {
        if (!_form.ClampsAtZero || _graph.OnlyConsumerOf(value) is not { } next || !next.IsStandard() || next.InputAt(0) != value
            || _keptFloat.Contains(next.Output[0]))
            return value;
        if (next.OpType == "Relu") return next.Output[0];
        return next.OpType == "Clip" && Bound(next, 1, float.NegativeInfinity) is <= 0 && Bound(next, 2, float.PositiveInfinity) is >= 0
            ? next.Output[0]
            : value;
    }

    private float? Bound(NodeProto clip, int input, float absent)
        => clip.InputAt(input) is not { } name
            ? absent
            : _graph.Constant(name) is { } constant && constant.Elements() == 1
            ? constant.ToSingles()[0]
            : null;
}
