using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>How far a detector's answers are from wanted ones, those of labels and of a teacher alike.</summary>
/// <remarks>
/// Scores: the quality focal loss with beta 2, whose weight falls with the square of the error and which takes wanted scores between 0 and
/// 1 (Li et al., arXiv 2006.04388). Corners: generalized intersection over union (Rezatofighi et al., arXiv 1902.09630), weighted 2, and
/// the mean absolute error of the four, weighted 5; the weights are those of Carion et al. (arXiv 2005.12872), who take a sum. Corners
/// count where a box is wanted, by its score. Each sum is divided by the sum of wanted scores, at least 1.
/// </remarks>
/// <param name="grid">How answers are laid out.</param>
internal sealed class BoxLoss(DetectionGrid grid)
{
    private const double OverlapWeight = 2, CornerWeight = 5;

    /// <summary>Keeps logarithms finite.</summary>
    private const double Smallest = 1e-6;

    /// <summary>The mean over the boxes of a batch.</summary>
    /// <param name="answers">A row for each sample.</param>
    /// <param name="wanted">The same for what is wanted.</param>
    public Tensor Of(Tensor answers, Tensor wanted)
    {
        var ((boxes, scores), (wantedBoxes, wantedScores)) = (Parts(answers), Parts(wanted));
        var sure = wantedScores.amax([-1]);
        var present = sure.sum().clamp_min(1);

        var probability = scores.clamp(Smallest, 1 - Smallest);
        var entropy = -(wantedScores * probability.log() + (1 - wantedScores) * (1 - probability).log());
        var found = ((wantedScores - probability).square() * entropy).sum();

        var corners = (boxes - wantedBoxes).abs().mean([-1]);
        var placed = (sure * (OverlapWeight * (1 - Overlap(boxes, wantedBoxes)) + CornerWeight * corners)).sum();
        return (found + placed) / present;
    }

    private (Tensor Boxes, Tensor Scores) Parts(Tensor answers)
        => (answers.narrow(1, 0, grid.Corners).reshape(-1, grid.Cells, 4),
            answers.narrow(1, grid.Corners, grid.Cells * grid.Classes).reshape(-1, grid.Cells, grid.Classes));

    // Of the box that holds both, what neither covers counts against them: boxes that do not meet still have a slope.
    private static Tensor Overlap(Tensor one, Tensor other)
    {
        var common = Area(maximum(Low(one), Low(other)), minimum(High(one), High(other)));
        var union = Area(Low(one), High(one)) + Area(Low(other), High(other)) - common;
        var around = Area(minimum(Low(one), Low(other)), maximum(High(one), High(other)));
        return common / union.clamp_min(Smallest) - (around - union) / around.clamp_min(Smallest);
    }

    private static Tensor Low(Tensor boxes) => boxes.narrow(-1, 0, 2);

    private static Tensor High(Tensor boxes) => boxes.narrow(-1, 2, 2);

    private static Tensor Area(Tensor low, Tensor high) => (high - low).clamp_min(0).prod(-1);
}
