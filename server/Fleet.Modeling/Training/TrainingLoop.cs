using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Quantization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>
/// Trains a network with AdamW on the labels or towards a teacher; it ends early when <see cref="TrainingSpec.Patience"/> epochs
/// brought none better.
/// </summary>
internal static class TrainingLoop
{
    /// <param name="network">Trained in place.</param>
    /// <param name="training">What it learns from.</param>
    /// <param name="validation">What the best epoch is chosen by.</param>
    /// <param name="phase">How.</param>
    /// <param name="progress">Share done, and what the last epoch reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <returns>One point for each epoch.</returns>
    public static IReadOnlyList<EpochReport> Run(
        Network network, SampleSet training, SampleSet validation, TrainingPhase phase, Progress progress,
        CancellationToken cancellationToken)
    {
        var spec = phase.Training;
        network.MoveTo(TrainingDevice.Choose(spec.Device));
        var course = Course.Of(spec, training.Count);
        var batches = new Batches(
            training, course.BatchSize, Augmentation.Of(spec, training, phase.Seed), network.Device, spec.Sampling == "balanced");
        var objective = phase.Objective ?? LabelObjective.Of(training, spec);
        using var optimizer = Optimizer([.. network.parameters(), .. objective.Parameters], spec);
        var plan = new EpochPlan([(phase.Name, course.Epochs)], spec.LearningRate, [optimizer])
        {
            Patience = spec.Patience,
            StopAfter = spec.StopAfter,
            Chooses = phase.Chooses,
            Others = [.. objective.State],
            Checkpoint = phase.Checkpoint,
        };
        network.train();
        double Learn(StepAt at) => Step(network, objective, optimizer, batches, at, cancellationToken);
        return EpochLoop.Run(network, batches, validation, plan, Learn, progress, cancellationToken);
    }

    private static double Step(
        Network network, IObjective objective, AdamW optimizer, Batches batches, StepAt at, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope(); // frees every tensor this step made
        var loss = objective.Loss(network, batches, at, scope, cancellationToken);
        optimizer.LearningRate = at.LearningRate;
        optimizer.Step(loss);
        return loss.ToDouble() is var value && double.IsFinite(value)
            ? value
            : throw new BuildException($"Training diverged: the loss became {value}. Lower learningRate.");
    }

    // Weight decay pulls weights towards zero; pulling biases and normalization factors there only hurts.
    private static AdamW Optimizer(Parameter[] parameters, TrainingSpec spec)
    {
        var optimizer = new AdamW();
        optimizer.Add(parameters.Where(parameter => parameter.dim() > 1), spec.WeightDecay);
        optimizer.Add(parameters.Where(parameter => parameter.dim() <= 1), 0);
        return optimizer;
    }
}
