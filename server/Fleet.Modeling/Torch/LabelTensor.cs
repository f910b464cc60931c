using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Torch;

/// <summary>Makes tensors of labels.</summary>
internal static class LabelTensor
{
    /// <summary>
    /// The labels of a batch: class numbers, or a row for each sample: values to predict, or the answer that holds its boxes.
    /// </summary>
    public static Tensor Of(SampleLabels labels, IReadOnlyList<int> samples, Device device) => labels.Pick(samples) switch
    {
        ClassLabels classes => tensor(classes.Numbers, device: device),
        LabelSets sets => AlignedTensor.Of(sets.Given, [sets.Count, sets.Columns], device),
        ValueLabels values => AlignedTensor.Of(values.Values, [values.Count, values.Columns], device),
        AnomalyLabels anomalies => tensor(anomalies.Numbers, device: device),
        BoxLabels boxes => AlignedTensor.Of(boxes.Answers(), [boxes.Count, boxes.Grid.Width], device),
        var other => throw new NotSupportedException($"Nothing is trained on {other.GetType().Name}."),
    };
}
