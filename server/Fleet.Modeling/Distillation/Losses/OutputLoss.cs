using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>output</c>: the squared difference of the outputs, the mean over samples and columns; where they predict values, in
/// deviations of the labels, as the loss on the labels is.
/// </summary>
internal sealed class OutputLoss(LossSetup setup) : IDistillationLoss
{
    private readonly float[]? _deviation = (setup.Labels as ValueLabels)?.Deviation();

    /// <inheritdoc/>
    public string Name => "output";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
    {
        var difference = inputs.Student - inputs.Teacher;
        if (_deviation is not null) difference = difference / tensor(_deviation, dtype: difference.dtype, device: difference.device);
        return difference.square().mean();
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
