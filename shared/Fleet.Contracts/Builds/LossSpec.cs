namespace Fleet.Contracts.Builds;

/// <summary>
/// One loss against the teacher. Which settings a loss has, and what it takes where one is absent, is in
/// <see cref="BuildSpecRules.Losses"/>.
/// </summary>
public sealed record LossSpec
{
    /// <summary>
    /// Its name: <c>logit</c>, <c>dkd</c>, <c>dist</c>, <c>feature</c>, <c>attention</c>, <c>relation</c>, <c>similarity</c> or
    /// <c>contrastive</c>.
    /// </summary>
    public required string Loss { get; init; }

    /// <summary>Its weight in the sum.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>What inside the teacher is compared with what inside the student, for losses on features.</summary>
    public IReadOnlyList<FeaturePairSpec> Pairs { get; set; } = [];

    /// <summary>Temperature T that softens both sides.</summary>
    public double? Temperature { get; init; }

    /// <summary><c>dkd</c>: weight of the target class against the rest.</summary>
    public double? Alpha { get; init; }

    /// <summary><c>dkd</c>: weight among the other classes. <c>dist</c>: weight of the relation between classes.</summary>
    public double? Beta { get; init; }

    /// <summary><c>dist</c>: weight of the relation within a class.</summary>
    public double? Gamma { get; init; }

    /// <summary><c>relation</c>: weight of the distances.</summary>
    public double? Distance { get; init; }

    /// <summary><c>relation</c>: weight of the angles.</summary>
    public double? Angle { get; init; }

    /// <summary>
    /// <c>attention</c>: relation heads, for the tokens of a transformer; absent: attention maps over the positions of a convolution.
    /// </summary>
    public int? Heads { get; init; }

    /// <summary>
    /// <c>contrastive</c>: samples that each is told apart from; absent: a quarter of the training samples, at most 4096.
    /// </summary>
    public int? Negatives { get; init; }
}

/// <summary>A feature of the teacher and the one of the student that shall be like it.</summary>
public sealed record FeaturePairSpec
{
    /// <summary>
    /// Of the teacher: a layer such as <c>layer3</c> where it was trained by Fleet, a value's name in another ONNX file, or <c>logits</c>.
    /// </summary>
    public required string Teacher { get; init; }

    /// <summary>Of the student: a layer such as <c>layer3</c>, or <c>logits</c>.</summary>
    public required string Student { get; init; }
}
