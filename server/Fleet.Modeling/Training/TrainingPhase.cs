using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Training;

/// <summary>One run of the training loop.</summary>
/// <param name="Name"><c>teacher</c>, <c>distillation</c> or <c>fine-tuning</c>.</param>
/// <param name="Training">Epochs, batch size, learning rate.</param>
/// <param name="Seed">Seed of order and augmentation.</param>
/// <param name="Objective">What it makes small; null for the distance from the labels.</param>
/// <param name="Checkpoint">Where it is kept in case the process ends; null for nowhere.</param>
internal sealed record TrainingPhase(
    string Name, TrainingSpec Training, int Seed, IObjective? Objective = null, Checkpoint? Checkpoint = null)
{
    /// <summary>False where validation samples only judge each epoch, and the last one stands.</summary>
    public bool Chooses { get; init; } = true;
}
