using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>
/// A convolution or matrix product with weights that are trained. The parameter is the weight over a fixed factor for each
/// channel that makes it as large as in a fresh layer: folded batch normalization and the input's scale leave channels of very
/// different size, and Adam moves every number by the same amount.
/// </summary>
internal sealed class TrainableOperator : Module
{
    private readonly WeightedOperator _weighted;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;
    private readonly Tensor _factor;
    private readonly Levels _levels;
    private readonly string _input;

    /// <param name="weighted">The operator as the file has it.</param>
    /// <param name="rounding">What is rounded, or null.</param>
    public TrainableOperator(WeightedOperator weighted, Rounding? rounding) : base(nameof(TrainableOperator))
    {
        using var scope = NewDisposeScope();
        (_weighted, _input) = (weighted, weighted.Node.Input[0]);
        var weight = tensor(weighted.Weight.ToSingles(), [.. weighted.Weight.Dims]) * weighted.WeightFactor;
        var others = Enumerable.Range(0, (int)weight.dim()).Where(axis => axis != weighted.Axis).Select(axis => (long)axis).ToArray();
        var fanIn = weight.numel() / weighted.Channels;
        var size = (weight.square().mean(others, keepdim: true).sqrt() * Math.Sqrt(fanIn));
        _factor = size.maximum(size.max() * 1e-3 + 1e-12).DetachFromDisposeScope();
        _weight = new Parameter((weight / _factor).DetachFromDisposeScope());
        register_parameter("weight", _weight);
        if (weighted.Bias is { } bias)
        {
            _bias = new Parameter((tensor(bias.ToSingles()) * weighted.BiasFactor).expand(weighted.Channels)
                .contiguous().DetachFromDisposeScope());
            register_parameter("bias", _bias);
        }
        if (rounding?.GridOf(weighted) is { } grid)
        {
            _levels = grid.Levels;
            Step = new Parameter(tensor(grid.Scales).reshape(_factor.shape).log().DetachFromDisposeScope());
            register_parameter("step", Step);
        }
    }

    /// <summary>Weight and bias.</summary>
    public IEnumerable<Parameter> Values => _bias is null ? [_weight] : [_weight, _bias];

    /// <summary>Logarithm of each channel's step, or null where the weight is not rounded.</summary>
    public Parameter? Step { get; }

    /// <summary>Its grid as it stands.</summary>
    public float[] Scales() => Step!.exp().flatten().data<float>().ToArray();

    /// <summary>Computes it.</summary>
    public Tensor Run(Tensor input, Rounding? rounding)
    {
        var weight = _weight * _factor;
        var bias = _bias as Tensor;
        if (Step is not null)
        {
            var step = Step.exp();
            weight = StepRounding.Of(weight, step, _levels);
            if (bias is not null && rounding!.StepOfBias(_input) is { } inputStep)
                bias = Rounded(bias, step.detach().flatten() * inputStep);
        }
        return GraphOperators.Run(_weighted, input, weight, bias);
    }

    /// <summary>Puts what was learned in place of what a node reads.</summary>
    public void WriteInto(GraphProto graph, NodeProto node)
    {
        node.Input[1] = Add(graph, $"weight of {node.Output[0]}", (_weight * _factor).contiguous(), _weighted.Weight.Dims);
        if (_bias is not null) node.Input[2] = Add(graph, $"bias of {node.Output[0]}", _bias, [_weighted.Channels]);
        if (node.Is("Gemm")) node.With("alpha", 1f).With("beta", 1f);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _factor.Dispose();
        base.Dispose(disposing);
    }

    // The kernels add the bias to sums of integer products: it is counted in the product of both steps.
    private static Tensor Rounded(Tensor bias, Tensor step) => bias + (bias.div(step).round_().mul_(step) - bias).detach();

    private static string Add(GraphProto graph, string name, Tensor values, IEnumerable<long> extents)
    {
        graph.Initializer.Add(Tensors.Of(name, values.data<float>().ToArray(), [.. extents]));
        return name;
    }
}
