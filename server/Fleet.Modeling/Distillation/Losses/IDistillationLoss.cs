using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// A measure of how far a student is from its teacher on one batch. What it learns itself is trained with the student and goes with it.
/// </summary>
internal interface IDistillationLoss : IDisposable
{
    /// <summary>Its name in a build spec.</summary>
    string Name { get; }

    /// <summary>What it learns beside the student, such as a projection; the phase's optimizer trains it and no export holds it.</summary>
    IEnumerable<TorchSharp.Modules.Parameter> Parameters => [];

    /// <summary>
    /// Everything it carries from step to step, <see cref="Parameters"/> included: with it a run that was cut goes on as if it had not
    /// been.
    /// </summary>
    IEnumerable<Tensor> State => Parameters;

    /// <summary>
    /// The loss, a scalar of the size of one sample's: it does not grow with the batch. Called in a dispose scope, which frees what it
    /// makes.
    /// </summary>
    Tensor Of(LossInputs inputs);
}
