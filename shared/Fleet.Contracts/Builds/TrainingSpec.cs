namespace Fleet.Contracts.Builds;

/// <summary>A training run.</summary>
public sealed record TrainingSpec
{
    /// <summary>
    /// Passes over the training samples; absent: ten, or as many more as a thousand steps take. For a student of family <c>mlp</c> three
    /// and ten times as many are tried, with three times the learning rate, on samples held out of the training ones, and taken where that
    /// is better by more than two standard errors; a teacher of that family is then trained so too.
    /// </summary>
    public int? Epochs { get; set; }

    /// <summary>
    /// Epochs after which the run ends, while the learning rate goes along the curve of all <see cref="Epochs"/>, as a run does that one
    /// looked up as the best; absent: all of them.
    /// </summary>
    public int? StopAfter { get; set; }

    /// <summary>
    /// Samples a step; absent: the power of two near a sixteenth of the training samples, from 8 to 128.
    /// </summary>
    public int? BatchSize { get; set; }

    /// <summary>
    /// Peak learning rate; it warms up and then falls to zero along a cosine. Where it is the usual one and <see cref="Epochs"/> are
    /// absent, a longer course has three times as much.
    /// </summary>
    public double LearningRate { get; set; } = 2e-3;

    /// <summary>Decoupled weight decay (AdamW).</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>
    /// Variations of samples while training: images are moved, signals get another gain, features of sound are shifted, pieces of
    /// texts are hidden. Absent: of texts always, and otherwise where that helps on samples held out of the training ones, which is tried
    /// first.
    /// </summary>
    public bool? Augment { get; set; }

    /// <summary>
    /// With <see cref="Augment"/>: mirror half of the images. Wrong where left and right mean something, as in shoes that all point one
    /// way, or digits; absent: tried as well.
    /// </summary>
    public bool? Mirror { get; set; }

    /// <summary>
    /// With <see cref="Augment"/>: rotate signals in time, so that the end follows the beginning. Wrong where it matters when something
    /// happens within a sample; absent: tried as well.
    /// </summary>
    public bool? Rotate { get; set; }

    /// <summary>
    /// With <see cref="Augment"/>: hide a band of frequencies and a stretch of time in features of sound (SpecAugment: Park et al., arXiv
    /// 1904.08779); absent: tried as well.
    /// </summary>
    public bool? Mask { get; set; }

    /// <summary>
    /// With <see cref="Augment"/>: in place of another gain and a rotation, every value of a signal is disturbed, and each channel as a
    /// whole, by noise of a third of the channel's deviation. For sensors whose zero means nothing, such as temperatures, where a gain
    /// makes values that no machine has; absent: tried as well.
    /// </summary>
    public bool? Noise { get; set; }

    /// <summary>
    /// Half of the images are mixed with another one, value by value, and their labels alike (mixup: Zhang et al., arXiv 1710.09412). A
    /// teacher is asked about the mixture itself. For images of one class each; absent: they are not.
    /// </summary>
    public bool? Mixup { get; init; }

    /// <summary>
    /// Half of the images get a rectangle of another one, and its label by the rectangle's share of the area (CutMix: Yun et al., arXiv
    /// 1905.04899). A teacher is asked about the mixture itself. For images of one class each; absent: they do not.
    /// </summary>
    public bool? Cutmix { get; init; }

    /// <summary>
    /// Operations that every image goes through, 0 to 8, drawn from turns, shears, shifts and changes of contrast, brightness, sharpness
    /// and colour (RandAugment: Cubuk et al., arXiv 1909.13719); absent: of images of one class each one is tried as well, where
    /// <see cref="Augment"/> is absent too.
    /// </summary>
    public int? Operations { get; init; }

    /// <summary>How strong <see cref="Operations"/> are, 1 to 10; absent: 3.</summary>
    public int? Magnitude { get; init; }

    /// <summary>
    /// Series run faster here and slower there, smoothly (time warping: Um et al., arXiv 1706.00527); absent: they do not.
    /// </summary>
    public bool? Warp { get; init; }

    /// <summary>True where samples are not learned from as they are.</summary>
    public bool IsVaried() => Augment == true || Mixup == true || Cutmix == true || Operations > 0 || Warp == true;

    /// <summary>Share of every label that is spread over all classes, 0 to 1 (Szegedy et al., arXiv 1512.00567).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>
    /// <c>balanced</c>: each class counts alike against the labels, however few samples it has, which finds more of rare classes and costs
    /// accuracy; absent or <c>none</c>: each sample counts alike.
    /// </summary>
    public string? ClassWeights { get; init; }

    /// <summary>
    /// Focal loss with this exponent, above 0 and at most 10, against the labels: what is decided well already counts less, by
    /// (1 - p)^focal of the label's probability p (Lin et al., arXiv 1708.02002, where it is 2); absent: cross entropy.
    /// </summary>
    public double? Focal { get; init; }

    /// <summary>
    /// <c>balanced</c>: each class is drawn as often as every other, so that it counts alike against a teacher as well, and samples of rare
    /// classes come several times an epoch; absent or <c>random</c>: each sample once an epoch.
    /// </summary>
    public string? Sampling { get; init; }

    /// <summary>
    /// Regression: errors beyond this many deviations of the labels count by their size and no longer by their square (Huber's loss);
    /// absent: all by their square.
    /// </summary>
    public double? HuberDelta { get; init; }

    /// <summary>
    /// Epochs without a better result on the validation samples after which the run ends; 0: it always runs to its last epoch.
    /// </summary>
    public int Patience { get; init; }

    /// <summary><c>auto</c> (a GPU where the worker's libtorch has one), <c>cpu</c> or <c>cuda</c>.</summary>
    public string Device { get; set; } = "auto";
}
