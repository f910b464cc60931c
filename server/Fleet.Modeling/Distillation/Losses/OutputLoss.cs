using Fleet.Modeling.Data;
using Fleet.Modeling.Training;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>output</c>: the squared difference of the outputs, the mean over samples and columns; where they predict values, in
/// deviations of the labels, as the loss on the labels is. Of boxes it is the loss on labels with the teacher's boxes in their place.
/// </summary>
internal sealed class OutputLoss(LossSetup setup) : IDistillationLoss
{
    private readonly float[]? _deviation = (setup.Labels as ValueLabels)?.Deviation();

    private readonly BoxLoss? _boxes = setup.Labels is BoxLabels boxes ? new BoxLoss(boxes.Grid) : null;

    /// <inheritdoc/>
    public string Name => "output";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
    {
        if (_boxes is not null) return _boxes.Of(inputs.Student, inputs.Teacher);
        var difference = inputs.Student - inputs.Teacher;
        if (_deviation is not null) difference = difference / tensor(_deviation, dtype: difference.dtype, device: difference.device);
        return difference.square().mean();
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
