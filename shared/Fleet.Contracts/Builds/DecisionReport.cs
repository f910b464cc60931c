namespace Fleet.Contracts.Builds;

/// <summary>
/// What a classifier does with each class, and how far its probabilities can be believed, on the test samples. Accuracy hides both where
/// classes are of unlike size.
/// </summary>
public sealed record DecisionReport
{
    /// <summary>Most kinds of mistakes that are told, the most frequent first.</summary>
    public const int MostConfusions = 200;

    /// <summary>Mean recall over the classes that occur: each class counts the same, however rare it is.</summary>
    public required double BalancedAccuracy { get; init; }

    /// <summary>Each class, in the order of the classes of the report.</summary>
    public IReadOnlyList<ClassFigures> Classes { get; set; } = [];

    /// <summary>What was taken for what, at most <see cref="MostConfusions"/>; with the recalls this is the confusion matrix.</summary>
    public IReadOnlyList<Confusion> Confusions { get; set; } = [];

    /// <summary>
    /// How far confidence is from the share that is right: the expected calibration error over 15 equal bins of confidence (Guo et al.,
    /// arXiv 1706.04599).
    /// </summary>
    public required double CalibrationError { get; init; }

    /// <summary>Mean negative logarithm of the probability that is given to the label.</summary>
    public required double NegativeLogLikelihood { get; init; }

    /// <summary>
    /// What logits are divided by so that the validation samples are most likely (temperature scaling, in the same paper): above 1 the
    /// model is too sure of itself. It changes no decision. Absent without validation samples.
    /// </summary>
    public double? Temperature { get; init; }

    /// <summary><see cref="CalibrationError"/> of the test samples with that temperature.</summary>
    public double? CalibrationErrorAfter { get; init; }

    /// <summary>
    /// The class of the fewest training samples, where it has less than half of its even share: what is sought where classes are of unlike
    /// size. Absent where no class is rare, and in older reports.
    /// </summary>
    public RarestClass? Rarest { get; init; }

    /// <summary>What is taken for something else most often, of a class; null when nothing is.</summary>
    public Confusion? MostTakenFor(int label) => Confusions.FirstOrDefault(confusion => confusion.Label == label);
}

/// <summary>One class on the test samples.</summary>
/// <param name="Samples">Samples of it.</param>
/// <param name="Recall">Share of them that is decided so; absent when there are none.</param>
/// <param name="Precision">Share of what is decided so that is of it; absent when nothing is.</param>
public sealed record ClassFigures(int Samples, double? Recall = null, double? Precision = null);

/// <summary>Samples of one class that are taken for another.</summary>
/// <param name="Label">Place of their class among those of the report.</param>
/// <param name="Decided">Place of what they are taken for.</param>
/// <param name="Samples">How many.</param>
public sealed record Confusion(int Label, int Decided, int Samples);
