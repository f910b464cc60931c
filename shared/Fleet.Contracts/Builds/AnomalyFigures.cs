using Fleet.Contracts.Scoring;

namespace Fleet.Contracts.Builds;

/// <summary>What a network that scores anomalies does with the test samples, beside the figures of its task.</summary>
public sealed record AnomalyFigures
{
    /// <summary>Most points of <see cref="Curve"/>.</summary>
    public const int MostPoints = 101;

    /// <summary>What scores are divided by, so that 1 is the threshold: an error in squared deviations of the training samples.</summary>
    public required double Threshold { get; init; }

    /// <summary>Share of normal samples that the threshold was found for.</summary>
    public required double AskedFalsePositiveRate { get; init; }

    /// <summary>Normal validation samples that it was found on.</summary>
    public required int ThresholdSamples { get; init; }

    /// <summary>Normal test samples.</summary>
    public required int Normal { get; init; }

    /// <summary>Share of them that is above the threshold.</summary>
    public required double FalsePositiveRate { get; init; }

    /// <summary>
    /// Each label of anomalies among the test samples; empty where there are none, and nothing was measured of finding them.
    /// </summary>
    public IReadOnlyList<AnomalyKind> Kinds { get; set; } = [];

    /// <summary>Precision over recall as the threshold falls.</summary>
    public IReadOnlyList<PrecisionAtRecall> Curve { get; set; } = [];
}

/// <summary>Anomalies of one label.</summary>
/// <param name="Name">The label.</param>
/// <param name="Samples">Test samples of it.</param>
/// <param name="Recall">Share of them that is above the threshold.</param>
public sealed record AnomalyKind(string Name, int Samples, double Recall);

/// <summary>
/// How well a classifier's probability of the rarest class tells its samples from all others, wherever a bound on it lies.
/// </summary>
/// <param name="Class">Place of the class among those of the report.</param>
/// <param name="Samples">Test samples of it.</param>
/// <param name="AveragePrecision">Area below the curve, in steps; a ranking by chance has the share of the class.</param>
/// <param name="Curve">Precision over recall as the bound falls.</param>
public sealed record RarestClass(int Class, int Samples, double AveragePrecision, IReadOnlyList<PrecisionAtRecall> Curve);
