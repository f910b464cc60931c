using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>Learns from the labels alone. Each epoch sees another view of the samples.</summary>
/// <param name="loss">How far outputs are from labels.</param>
internal sealed class LabelObjective(LabelLoss loss) : IObjective
{
    /// <summary>The labels of <paramref name="training"/>.</summary>
    public static LabelObjective Of(SampleSet training, TrainingSpec spec) => new(LabelLoss.Of(training.Labels, spec));

    /// <inheritdoc/>
    public Tensor Loss(Network network, Batches batches, StepAt at, DisposeScope scope, CancellationToken cancellationToken)
        => loss.Of(network.forward(batches.Inputs(at.Indices, at.Epoch)), batches.Labels(at.Indices, at.Epoch));
}
