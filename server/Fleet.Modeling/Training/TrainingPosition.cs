using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Training;

/// <summary>How far a training is.</summary>
/// <param name="Epoch">Epoch it is in, from 0.</param>
/// <param name="Batch">Batches of that epoch that are done.</param>
/// <param name="Loss">Sum of their losses.</param>
/// <param name="Epochs">The epochs that are done.</param>
/// <param name="Best">What the best of them reached on the validation samples; null before the first.</param>
/// <param name="BestEpoch">Number of the best, from 0.</param>
internal sealed record TrainingPosition(int Epoch, int Batch, double Loss, IReadOnlyList<EpochReport> Epochs, double? Best, int BestEpoch)
{
    /// <summary>Nothing is done.</summary>
    public static readonly TrainingPosition Start = new(0, 0, 0, [], null, 0);
}
