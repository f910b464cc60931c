using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Training;

/// <summary>How far outputs are from labels: what a task is trained by.</summary>
internal abstract class LabelLoss
{
    /// <summary>Below it the slope of the factor, which is that of a root, would have no end.</summary>
    private const double SmallestDoubt = 1e-6;

    /// <summary>The loss of a task.</summary>
    /// <param name="labels">Labels of the training samples.</param>
    /// <param name="spec">Its settings.</param>
    public static LabelLoss Of(SampleLabels labels, TrainingSpec spec) => labels switch
    {
        ClassLabels classes => Classified(spec, spec.ClassWeights == "balanced" ? Balanced(classes) : null),
        LabelSets => new OfSets(spec.Focal),
        ValueLabels values => new OfValues(values.Deviation(), spec.HuberDelta),
        BoxLabels boxes => new OfBoxes(new BoxLoss(boxes.Grid)),
        AnomalyLabels => new OfScores(),
        _ => throw new NotSupportedException($"Nothing is trained on {labels.GetType().Name}."),
    };

    private static LabelLoss Classified(TrainingSpec spec, float[]? weights)
        => spec.Focal is { } focus ? new OfHardClasses(focus, weights) : new OfClasses(spec.LabelSmoothing, weights);

    /// <summary>The mean over a batch.</summary>
    public abstract Tensor Of(Tensor outputs, Tensor labels);

    /// <summary>The mean over a batch of which samples may be mixed.</summary>
    public Tensor Of(Tensor outputs, BatchLabels labels) => labels.Mixed is not var (others, shares)
        ? Of(outputs, labels.Own)
        : OfMixed(outputs, labels.Own, others, shares);

    /// <summary>The mean where each sample has one class by a share and another by the rest.</summary>
    protected virtual Tensor OfMixed(Tensor outputs, Tensor labels, Tensor others, Tensor shares)
        => throw new NotSupportedException($"{GetType().Name} is not for mixtures of samples.");

    /// <summary>
    /// A loss that is linear in the label's probabilities: of a mixture it is the mixture of the losses, and so is the weight that it
    /// counts by.
    /// </summary>
    private abstract class OfOneClass : LabelLoss
    {
        /// <summary>The loss of each sample, weighted, and its weight; null where all weigh 1.</summary>
        protected abstract (Tensor Losses, Tensor? Weights) Each(Tensor outputs, Tensor labels);

        protected override Tensor OfMixed(Tensor outputs, Tensor labels, Tensor others, Tensor shares)
        {
            var ((own, ownWeights), (other, otherWeights)) = (Each(outputs, labels), Each(outputs, others));
            var losses = shares * own + (1 - shares) * other;
            return ownWeights is null ? losses.mean() : losses.sum() / (shares * ownWeights + (1 - shares) * otherWeights!).sum();
        }
    }

    /// <summary>See <see cref="BoxLoss"/>.</summary>
    private sealed class OfBoxes(BoxLoss loss) : LabelLoss
    {
        public override Tensor Of(Tensor outputs, Tensor labels) => loss.Of(outputs, labels);
    }

    /// <summary>The mean score: of what is learned from, all is normal.</summary>
    private sealed class OfScores : LabelLoss
    {
        public override Tensor Of(Tensor outputs, Tensor labels) => outputs.mean();
    }

    // samples / (classes x samples of the class): the same sum over the samples of each (King, Zeng, 2001; scikit-learn's 'balanced').
    private static float[] Balanced(ClassLabels labels)
    {
        var counts = labels.Numbers.CountBy(number => number).ToDictionary(count => count.Key, count => count.Value);
        return [
            .. Enumerable.Range(0, (int)labels.Numbers.Max() + 1)
                .Select(number => (float)labels.Count / (counts.Count * Math.Max(1, counts.GetValueOrDefault(number)))),
        ];
    }

    /// <summary>A weight for each output: the last classes may be missing from what is learned, as from a fold.</summary>
    private static Tensor Of(float[] weights, Tensor outputs)
        => tensor([.. weights, .. Enumerable.Repeat(1f, (int)outputs.shape[1] - weights.Length)], dtype: outputs.dtype,
            device: outputs.device);

    /// <summary>Cross entropy of softmax(outputs) with the classes; the weighted mean over the batch where classes have weights.</summary>
    private sealed class OfClasses(double smoothing, float[]? weights) : OfOneClass
    {
        public override Tensor Of(Tensor outputs, Tensor labels) => functional.cross_entropy(
            outputs, labels, weight: weights is null ? null : Of(weights, outputs), label_smoothing: smoothing);

        protected override (Tensor Losses, Tensor? Weights) Each(Tensor outputs, Tensor labels)
        {
            var ofClasses = weights is null ? null : Of(weights, outputs);
            return (functional.cross_entropy(outputs, labels, ofClasses, reduction: Reduction.None, label_smoothing: smoothing),
                ofClasses?.index_select(0, labels));
        }
    }

    /// <summary>
    /// Focal loss, -(1 - p)^focus log p of the label's probability p (Lin et al., arXiv 1708.02002): what is decided well already counts
    /// little. With weights of classes the weighted mean, as for cross entropy.
    /// </summary>
    private sealed class OfHardClasses(double focus, float[]? weights) : OfOneClass
    {
        public override Tensor Of(Tensor outputs, Tensor labels)
        {
            var (losses, ofSamples) = Each(outputs, labels);
            return ofSamples is null ? losses.mean() : losses.sum() / ofSamples.sum();
        }

        protected override (Tensor Losses, Tensor? Weights) Each(Tensor outputs, Tensor labels)
        {
            var logarithm = functional.log_softmax(outputs, 1).gather(1, labels.unsqueeze(1)).squeeze(1);
            var losses = -(-logarithm.expm1()).clamp_min(SmallestDoubt).pow(focus) * logarithm;
            if (weights is null) return (losses, null);
            var ofSamples = Of(weights, outputs).index_select(0, labels);
            return (losses * ofSamples, ofSamples);
        }
    }

    /// <summary>
    /// Binary cross entropy of sigmoid(outputs) with each label, the mean over samples and labels; with a focus its focal form, as in
    /// Lin et al., arXiv 1708.02002.
    /// </summary>
    private sealed class OfSets(double? focus) : LabelLoss
    {
        public override Tensor Of(Tensor outputs, Tensor labels)
        {
            if (focus is not { } power) return functional.binary_cross_entropy_with_logits(outputs, labels);
            // The logit of what is right: of the label where it is there, of its absence where it is not.
            var logarithm = functional.logsigmoid(outputs * (2 * labels - 1));
            return (-(-logarithm.expm1()).clamp_min(SmallestDoubt).pow(power) * logarithm).mean();
        }
    }

    /// <summary>
    /// Errors in deviations of the labels, so that columns of unlike units count alike: their squares, or from the bound on
    /// their size (Huber, 1964), which one wrong label then moves less.
    /// </summary>
    private sealed class OfValues(float[] deviation, double? bound) : LabelLoss
    {
        public override Tensor Of(Tensor outputs, Tensor labels)
        {
            var errors = (outputs - labels) / tensor(deviation, device: outputs.device);
            return bound is { } delta ? functional.huber_loss(errors, zeros_like(errors), delta) : errors.square().mean();
        }
    }
}
