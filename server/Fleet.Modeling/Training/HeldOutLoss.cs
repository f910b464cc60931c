using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Torch;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>
/// How far answers are from labels, sample by sample, in a form that candidates are ranked by. Of classes it is the squared distance of the
/// probabilities from the label, of several labels the mean of these: it tells more than right and wrong where samples are few, and one
/// that is wrong with great confidence does not outweigh all others, as with cross entropy.
/// </summary>
internal static class HeldOutLoss
{
    /// <param name="outputs">A row for each sample.</param>
    /// <param name="heldOut">The samples.</param>
    /// <param name="training">What was learned from: values are told in its deviations.</param>
    public static double[] Of(float[] outputs, SampleSet heldOut, SampleSet training)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = tensor(outputs, [heldOut.Count, outputs.Length / heldOut.Count]);
        var labels = LabelTensor.Of(heldOut.Labels, [.. Enumerable.Range(0, heldOut.Count)], CPU);
        var losses = heldOut.Labels switch
        {
            ClassLabels => (rows.softmax(1) - nn.functional.one_hot(labels, rows.size(1))).square().sum(1),
            LabelSets => (rows.sigmoid() - labels).square().mean([1L]),
            ValueLabels => ((rows - labels) / tensor(((ValueLabels)training.Labels).Deviation())).square().mean([1L]),
            _ => OneByOne(rows, labels, LabelLoss.Of(training.Labels, new TrainingSpec())),
        };
        return [.. losses.to_type(ScalarType.Float64).contiguous().data<double>()];
    }

    private static Tensor OneByOne(Tensor rows, Tensor labels, LabelLoss loss)
        => stack([.. Enumerable.Range(0, (int)rows.size(0)).Select(row => loss.Of(rows.narrow(0, row, 1), labels.narrow(0, row, 1)))]);
}
