using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation;

/// <summary>
/// Trains a network: AdamW, learning rate by <see cref="LearningRate"/>, and at the end the weights of the epoch that did best
/// on the validation samples; it ends early when <see cref="TrainingSpec.Patience"/> epochs brought none better. With a
/// checkpoint it goes on where it was kept. Runs on the calling thread from start to end: dispose scopes belong to a thread.
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
    public static IReadOnlyList<EpochReport> Run(Network network, SampleSet training, SampleSet validation, TrainingPhase phase, Progress progress, CancellationToken cancellationToken)
    {
        var spec = phase.Training;
        network.MoveTo(TrainingDevice.Choose(spec.Device));
        var batches = new Batches(training, Math.Min(spec.BatchSize, training.Count), Augmentation.Of(spec, phase.Seed), network.Device);
        var steps = (long)spec.Epochs * batches.PerEpoch;
        using var optimizer = Optimizer([.. network.parameters(), .. phase.Targets?.Losses.Parameters ?? []], spec);
        using var uncollected = new UncollectedSteps();
        var bestState = network.Snapshot();
        try
        {
            Tensor[] Kept() => [.. network.State(), .. bestState, .. phase.Targets?.Losses.State ?? []];
            var at = phase.Checkpoint?.Load(Kept(), optimizer) ?? TrainingPosition.Start;
            if (at != TrainingPosition.Start) progress.Report((double)at.Epoch / spec.Epochs, $"goes on in epoch {Math.Min(at.Epoch + 1, spec.Epochs)} of {spec.Epochs}");
            var epochs = at.Epochs.ToList();
            var (best, bestEpoch) = (at.Best, at.BestEpoch);
            bool Waits(int epoch) => spec.Patience == 0 || epoch <= bestEpoch + spec.Patience;
            network.train();
            for (var epoch = at.Epoch; epoch < spec.Epochs && Waits(epoch); epoch++)
            {
                var view = phase.Targets?.Teacher.ViewOf(epoch) ?? epoch;
                var loss = at.Loss;
                foreach (var (indices, number) in batches.Of(epoch).Skip(at.Batch))
                {
                    if (phase.Checkpoint is { IsDue: true } due) due.Save(new TrainingPosition(epoch, number, loss, epochs, best, bestEpoch), Kept(), optimizer);
                    cancellationToken.ThrowIfCancellationRequested();
                    var step = (long)epoch * batches.PerEpoch + number;
                    optimizer.LearningRate = LearningRate.At(step, steps, spec.LearningRate);
                    uncollected.Next();
                    loss += Step(network, optimizer, batches, indices, view, phase, step, cancellationToken);
                    progress.Report((step + 1.0) / steps, epochs.Count == 0 ? "" : $"epoch {epoch + 1} of {spec.Epochs}, validation {epochs[^1].Accuracy:P2}");
                }
                var accuracy = network.Accuracy(validation, cancellationToken);
                epochs.Add(new EpochReport(phase.Name, epoch + 1, loss / batches.PerEpoch, accuracy));
                // An equal later epoch had the smaller learning rate behind it: it is taken.
                if (accuracy >= best)
                {
                    // Patience waits for a better epoch; one that only repeats the best does not extend it.
                    if (accuracy > best) bestEpoch = epoch;
                    best = accuracy;
                    Dispose(bestState);
                    bestState = network.Snapshot();
                }
                at = new TrainingPosition(epoch + 1, 0, 0, epochs, best, bestEpoch);
                phase.Checkpoint?.Save(at, Kept(), optimizer);
            }
            network.Restore(bestState);
            return epochs;
        }
        finally
        {
            Dispose(bestState);
        }
    }

    private static double Step(Network network, AdamW optimizer, Batches batches, int[] indices, int view, TrainingPhase phase, long step, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope(); // frees every tensor this step made
        var labels = batches.Labels(indices);
        Tensor loss;
        if (phase.Targets is { } targets)
        {
            var tap = new FeatureTap(scope, targets.Losses.StudentFeatures);
            var logits = network.forward(batches.Inputs(indices, view), tap);
            loss = targets.Losses.Of(logits, tap, targets.Teacher.Of(view, indices, network.Device, cancellationToken), labels, indices, step);
        }
        else
        {
            loss = nn.functional.cross_entropy(network.forward(batches.Inputs(indices, view)), labels, label_smoothing: phase.Training.LabelSmoothing);
        }
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

    private static void Dispose(IEnumerable<Tensor> tensors)
    {
        foreach (var tensor in tensors) tensor.Dispose();
    }
}
