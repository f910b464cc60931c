namespace Fleet.Contracts.Builds;

/// <summary>What a network does with one label where samples have several, on the test samples.</summary>
/// <param name="Samples">Test samples that have it.</param>
/// <param name="Recall">Share of them that it is given to; absent where there are none.</param>
/// <param name="Precision">Share of those it is given to that have it; absent where it is given to none.</param>
/// <param name="F1">2 TP / (2 TP + FP + FN); absent where it is neither given nor there.</param>
/// <param name="AveragePrecision">
/// Area below precision over recall as the bound on the logit falls, in steps (scikit-learn, <c>average_precision_score</c>): how well
/// samples that have it are told from others, wherever the bound lies. Absent where no sample has it.
/// </param>
public sealed record LabelFigures(
    int Samples, double? Recall = null, double? Precision = null, double? F1 = null, double? AveragePrecision = null);
