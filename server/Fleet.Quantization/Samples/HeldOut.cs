using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>The samples that judge variants, and what is known of them.</summary>
/// <param name="Samples">Held out: nothing was trained on them, and nothing calibrated but on those that are named.</param>
/// <param name="Truth">The task, and labels in its form where there are some; without, closeness to the float model is the measure.</param>
internal sealed record HeldOut(IFeedSource Samples, SampleTruth Truth)
{
    /// <summary>How boxes are made of the outputs, for detection.</summary>
    public DetectionForm? Detection { get; init; }

    /// <summary>Unit of the labels for people; null for none.</summary>
    public string? LabelUnit { get; init; }

    /// <summary>Numbers of the samples that travel with a release, in rising order; null where there will be none.</summary>
    public IReadOnlyList<int>? Travelling { get; init; }

    /// <summary>Numbers of samples that fixed ranges, because nobody gave others: they judge nothing. Null for none.</summary>
    public IReadOnlyList<int>? Calibrating { get; init; }

    /// <summary>Numbers of the samples that judge, in rising order.</summary>
    public IReadOnlyList<int> Judging => [.. Enumerable.Range(0, Samples.Count).Except(Calibrating ?? [])];

    /// <summary>Samples of classes, or samples of which nothing is known.</summary>
    /// <exception cref="InvalidDataException">There are not as many labels as samples.</exception>
    public static HeldOut Of(IFeedSource samples, IReadOnlyList<long>? classes = null)
    {
        if (classes is not null && classes.Count != samples.Count)
            throw new InvalidDataException($"There are {classes.Count} labels for {samples.Count} samples.");
        var labels = new Dictionary<string, NpyArray>();
        if (classes is not null) labels[ClassificationTask.LabelsName] = NpyArray.Of([.. classes], classes.Count);
        return new HeldOut(samples,
            SampleTruth.Read(classes is null ? ModelTask.Outputs : ModelTask.Classification, labels, samples.Count));
    }
}
