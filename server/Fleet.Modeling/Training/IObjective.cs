using Fleet.Modeling.Students;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>What a training makes small.</summary>
internal interface IObjective
{
    /// <summary>What is learned beside the network, such as a projection; the optimizer trains it and no export holds it.</summary>
    IEnumerable<TorchSharp.Modules.Parameter> Parameters => [];

    /// <summary>Everything that is carried from step to step, for checkpoints.</summary>
    IEnumerable<Tensor> State => [];

    /// <summary>The loss of one batch, a scalar.</summary>
    /// <param name="network">Who learns.</param>
    /// <param name="batches">What it learns from.</param>
    /// <param name="at">Which batch.</param>
    /// <param name="scope">The scope of the step: what is kept of the pass belongs to it.</param>
    /// <param name="cancellationToken">Honoured where a teacher is asked.</param>
    Tensor Loss(Network network, Batches batches, StepAt at, DisposeScope scope, CancellationToken cancellationToken);
}
