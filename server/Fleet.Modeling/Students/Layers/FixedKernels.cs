using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Kernels over series that nobody trains: part of a network's state and not of its parameters.</summary>
internal sealed class FixedKernels : Module<Tensor, Tensor>
{
    private readonly int _stride;
    private readonly int[] _dilations;

    /// <param name="weights">Weights: kernels of the first dilation, then those of the next.</param>
    /// <param name="shape">Kernels of all dilations, channels that each hears, weights.</param>
    /// <param name="dilations">Steps between weights; each has as many kernels.</param>
    /// <param name="stride">Step along the series.</param>
    public FixedKernels(float[] weights, long[] shape, int[] dilations, int stride) : base(nameof(FixedKernels))
    {
        (_dilations, _stride) = (dilations, stride);
        register_buffer("weight", tensor(weights, shape));
    }

    /// <summary>What each kernel answers, as long as the series but for the stride; beyond its edges there is silence.</summary>
    public override Tensor forward(Tensor input)
    {
        var weight = get_buffer("weight")!;
        var (kernels, size) = (weight.size(0) / _dilations.Length, weight.size(2));
        return cat([
            .. _dilations.Select((dilation, index) => functional.conv1d(input, weight.narrow(0, index * kernels, kernels), null,
                _stride, size / 2 * dilation, dilation, input.size(1) / weight.size(1))),
        ], 1);
    }
}
