using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>A convolution over series that looks back: silence is put in front of the series and none behind it.</summary>
internal sealed class CausalConvolution : Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.Conv1d _convolution;
    private readonly int _reach;

    /// <param name="heard">Channels that each kernel hears.</param>
    /// <param name="channels">Kernels.</param>
    /// <param name="kernel">Weights along time.</param>
    /// <param name="stride">Step along the series.</param>
    /// <param name="dilation">Steps between weights.</param>
    /// <param name="groups">Groups of channels that are not mixed.</param>
    public CausalConvolution(int heard, int channels, int kernel, int stride, int dilation, int groups)
        : base(nameof(CausalConvolution))
    {
        _reach = (kernel - 1) * dilation;
        _convolution = Conv1d(heard * groups, channels, kernel, stride, dilation: dilation, groups: groups, bias: false);
        RegisterComponents();
    }

    /// <summary>As long as the series, but for the stride.</summary>
    public override Tensor forward(Tensor input) => _convolution.call(functional.pad(input, [_reach, 0]));
}
