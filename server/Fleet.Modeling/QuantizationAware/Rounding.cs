using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>Rounds the activations of a graph where its plan says, with steps that are learned.</summary>
internal sealed class Rounding : Module
{
    private readonly QuantizationPlan _plan;
    private readonly IntegerForm _form;
    private readonly GridScales _start;
    private readonly Dictionary<string, Parameter> _steps = [];
    private readonly Dictionary<string, string> _roundedAt = [];

    /// <param name="graph">The graph.</param>
    /// <param name="plan">What is rounded in it.</param>
    /// <param name="form">The integers.</param>
    /// <param name="start">Where the grids start.</param>
    public Rounding(OnnxGraph graph, QuantizationPlan plan, IntegerForm form, GridScales start) : base(nameof(Rounding))
    {
        (_plan, _form, _start) = (plan, form, start);
        foreach (var value in plan.CalibratedValues)
        {
            _steps[value] = new Parameter(tensor(new[] { start.Activations[value].Scale }).log_().DetachFromDisposeScope());
            register_parameter($"step{_steps.Count}", _steps[value]);
            _roundedAt[BehindPools(graph, value)] = value;
        }
    }

    /// <summary>Logarithms of the steps.</summary>
    public IEnumerable<Parameter> Steps => _steps.Values;

    /// <summary>True for a clamp that rounding replaces.</summary>
    public bool Absorbs(NodeProto node)
        => node.InputAt(0) is { } input && _plan.AbsorbedClamps.TryGetValue(input, out var clamped) && clamped == node.Output[0];

    /// <summary>The name a value goes by once the clamp behind it has been absorbed.</summary>
    public string NameOf(string value) => _plan.AbsorbedClamps.GetValueOrDefault(value, value);

    /// <summary>The grid of a weight, or null where it stays float.</summary>
    public WeightGrid? GridOf(WeightedOperator weighted) => _start.Weights.GetValueOrDefault(weighted.Node.Output[0]);

    /// <summary>Rounds a value if this is where it is done; otherwise null.</summary>
    public Tensor? Round(string value, Tensor values)
        => _roundedAt.TryGetValue(value, out var source)
            ? StepRounding.Of(values, _steps[source].exp(), _start.Activations[source].Levels)
            : null;

    /// <summary>The step of a rounded input that the bias behind it is counted in; null when the bias stays float.</summary>
    public Tensor? StepOfBias(string input) => _form.FloatBias ? null : _steps[_plan.ScaleSourceOf(input)].detach().exp();

    /// <summary>The grids as they stand.</summary>
    public GridScales Grids(IReadOnlyDictionary<string, TrainableOperator> operators) => new(
        _start.Activations.ToDictionary(
            pair => pair.Key, pair => pair.Value with { Scale = _steps[_plan.ScaleSourceOf(pair.Key)].exp().data<float>()[0] }),
        _start.Weights.ToDictionary(pair => pair.Key, pair => pair.Value with { Scales = operators[pair.Key].Scales() }));

    /// <summary>
    /// Rounding keeps order, so the largest of rounded values is the largest value rounded: behind a pool it is a fraction of
    /// the work, and among values that round alike the gradient goes to the truly largest.
    /// </summary>
    private string BehindPools(OnnxGraph graph, string value)
        => graph.OnlyConsumerOf(value) is { } next && next.Is("MaxPool") && _plan.Values.Contains(next.Output[0])
            && _plan.ScaleSourceOf(next.Output[0]) == _plan.ScaleSourceOf(value)
            ? BehindPools(graph, next.Output[0]) : value;
}
