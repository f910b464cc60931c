using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>The epochs of a training.</summary>
/// <param name="Phases">Name in the report, and passes over the training samples, of each phase in order.</param>
/// <param name="LearningRate">Peak of the one curve over all phases.</param>
/// <param name="Optimizers">Take the steps; their moments are kept in checkpoints.</param>
internal sealed record EpochPlan(IReadOnlyList<(string Name, int Epochs)> Phases, double LearningRate, IReadOnlyList<AdamW> Optimizers)
{
    /// <summary>Epochs without a better one after which the training ends; 0 for never.</summary>
    public int Patience { get; init; }

    /// <summary>Epochs after which the training ends, on the curve of all; null for all.</summary>
    public int? StopAfter { get; init; }

    /// <summary>False where validation samples only judge each epoch, and the last one stands.</summary>
    public bool Chooses { get; init; } = true;

    /// <summary>What steps change beside the trainee.</summary>
    public IReadOnlyList<Tensor> Others { get; init; } = [];

    /// <summary>Where the training is kept in case the process ends; null for nowhere.</summary>
    public Checkpoint? Checkpoint { get; init; }
}

/// <summary>Where a training is.</summary>
/// <param name="Phase">Number of the phase, from 0.</param>
/// <param name="Epoch">Number of the epoch over all phases, from 0.</param>
/// <param name="Step">Number of the step over all epochs, from 0.</param>
/// <param name="Indices">The samples of its batch.</param>
/// <param name="LearningRate">Its learning rate.</param>
internal readonly record struct StepAt(int Phase, int Epoch, long Step, int[] Indices, double LearningRate);
