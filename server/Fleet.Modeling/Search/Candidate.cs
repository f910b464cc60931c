using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Search;

/// <summary>A student that a search considers: what it is, what it costs, and what it reached.</summary>
/// <param name="Student">Family, width and depth.</param>
/// <param name="Training">How it is trained.</param>
/// <param name="Augmentation">What is done to samples, in a word.</param>
/// <param name="Cost">What it costs, measured untrained.</param>
internal sealed record Candidate(StudentSpec Student, TrainingSpec Training, string Augmentation, CandidateCost Cost)
{
    /// <summary>What it learns from beside the labels; null for these alone.</summary>
    public Lesson? Lesson { get; init; }

    /// <summary>Bits of the weights in the file that it is judged as; null for the network as it was trained.</summary>
    public int? WeightBits { get; init; }

    /// <summary>What it is, in one word, for files and messages.</summary>
    public string Key => FormattableString.Invariant($"{Network}-{Augmentation}-{Training.LearningRate:0.#####}")
        .Replace(' ', '-') + (Lesson is { } lesson ? "-" + lesson.Name.Replace(' ', '-') : "")
        + (WeightBits is { } bits ? FormattableString.Invariant($"-{bits}-bits") : "");

    /// <summary>The network, for people.</summary>
    public string Name => SearchTrial.NameOf(Student.Family, Student.Width.Value, Student.Depth);

    /// <summary>The network alone.</summary>
    public string Network
        => FormattableString.Invariant($"{Student.Family}-{Student.Width}{(Student.Depth is { } depth ? $"x{depth}" : "")}");
}

/// <summary>What a student costs; none of it depends on what it learned.</summary>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="MultiplyAdds">Multiplications and additions, counted as one, for one sample.</param>
/// <param name="Layers">Layers with weights or without: each costs a step something, however small it is.</param>
/// <param name="Bytes">Size of its 8-bit file.</param>
/// <param name="LatencyP95">p95 of one inference; null when no limit asked for it.</param>
internal sealed record CandidateCost(long Parameters, long MultiplyAdds, int Layers, long Bytes, TimeSpan? LatencyP95);

/// <summary>What a candidate reached in a rung.</summary>
/// <param name="Rung">For the report.</param>
/// <param name="Losses">Loss of each held-out sample, in the order of the samples: candidates are compared sample by sample.</param>
internal sealed record CandidateResult(SearchRung Rung, double[] Losses)
{
    /// <summary>
    /// What the file loses of the figure that decides against the network, in the mean over trainings, as
    /// <see cref="QuantizationSpec.MaximumDrop"/> counts; 0 where the network itself was judged.
    /// </summary>
    public double Lost { get; init; }
}
