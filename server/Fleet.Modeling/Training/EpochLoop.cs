using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Quantization;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>
/// Runs through the epochs of a training and leaves the trainee with the state of the one that did best on the validation
/// samples, or of the last one where there are none or these only judge. With a checkpoint it goes on where it was kept. Runs on the
/// calling thread from start to end: dispose scopes belong to a thread.
/// </summary>
internal static class EpochLoop
{
    /// <param name="trainee">Trained in place.</param>
    /// <param name="batches">What it learns from.</param>
    /// <param name="validation">What the best epoch is chosen by; without samples nothing is chosen.</param>
    /// <param name="plan">The epochs.</param>
    /// <param name="step">Takes a step and answers its loss. Whatever it does follows from where it is: a step may be the first of a
    /// process.</param>
    /// <param name="progress">Share done, and what the last epoch reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <returns>One point for each epoch.</returns>
    public static IReadOnlyList<EpochReport> Run(
        ITrainable trainee, Batches batches, SampleSet validation, EpochPlan plan, Func<StepAt, double> step, Progress progress,
        CancellationToken cancellationToken)
    {
        var planned = plan.Phases.SelectMany(
            (phase, index) => Enumerable.Range(1, phase.Epochs).Select(number => (Phase: index, Number: number))).ToArray();
        var end = Math.Min(planned.Length, plan.StopAfter ?? planned.Length);
        var steps = (long)planned.Length * batches.PerEpoch;
        using var uncollected = new UncollectedSteps();
        var bestState = Snapshot(trainee);
        try
        {
            Tensor[] Kept() => [.. trainee.State(), .. bestState, .. plan.Others];
            var at = plan.Checkpoint?.Load(Kept(), plan.Optimizers) ?? TrainingPosition.Start;
            if (at != TrainingPosition.Start)
                progress.Report((double)at.Epoch / end,
                    $"goes on in epoch {Math.Min(at.Epoch + 1, planned.Length)} of {planned.Length}");
            var epochs = at.Epochs.ToList();
            var (best, bestEpoch) = (at.Best, at.BestEpoch);
            bool Waits(int epoch) => plan.Patience == 0 || validation.Count == 0 || epoch <= bestEpoch + plan.Patience;
            for (var epoch = at.Epoch; epoch < end && Waits(epoch); epoch++)
            {
                var (phase, number) = planned[epoch];
                var (name, length) = plan.Phases[phase];
                var named = plan.Phases.Count > 1 ? $"{name}, " : "";
                var loss = at.Loss;
                foreach (var (indices, batch) in batches.Of(epoch).Skip(at.Batch))
                {
                    if (plan.Checkpoint is { IsDue: true } due)
                        due.Save(new TrainingPosition(epoch, batch, loss, epochs, best, bestEpoch), Kept(), plan.Optimizers);
                    cancellationToken.ThrowIfCancellationRequested();
                    var count = (long)epoch * batches.PerEpoch + batch;
                    uncollected.Next();
                    loss += step(new StepAt(phase, epoch, count, indices, LearningRate.At(count, steps, plan.LearningRate)));
                    progress.Report((count + 1.0) / (end * batches.PerEpoch),
                        epochs.Count == 0 ? "" : $"{named}epoch {number} of {length}{Reached(epochs[^1])}");
                }
                trainee.Settle(batches.Samples, cancellationToken);
                if (validation.Count == 0)
                {
                    epochs.Add(new EpochReport(name, number, loss / batches.PerEpoch));
                    at = new TrainingPosition(epoch + 1, 0, 0, epochs, best, bestEpoch);
                    plan.Checkpoint?.Save(at, Kept(), plan.Optimizers);
                    continue;
                }
                var score = validation.Labels.Score(trainee.Outputs(validation, cancellationToken))[0];
                if (!double.IsFinite(score.Value))
                    throw new BuildException("Training diverged: what the network answers is no longer finite. Lower learningRate.");
                epochs.Add(new EpochReport(name, number, loss / batches.PerEpoch, score));
                // An equal later epoch had the smaller learning rate behind it: it is taken.
                if (best is not { } known || score.Value == known || IsBetter(score, known))
                {
                    // Patience waits for a better epoch; one that only repeats the best does not extend it.
                    if (best is null || score.Value != best) bestEpoch = epoch;
                    best = score.Value;
                    Dispose(bestState);
                    bestState = Snapshot(trainee);
                }
                at = new TrainingPosition(epoch + 1, 0, 0, epochs, best, bestEpoch);
                plan.Checkpoint?.Save(at, Kept(), plan.Optimizers);
            }
            if (best is not null && plan.Chooses) Restore(trainee, bestState);
            return epochs;
        }
        finally
        {
            Dispose(bestState);
        }
    }

    private static string Reached(EpochReport epoch) => epoch.IsJudged ? $", validation {epoch.Reached().Text()}" : "";

    private static bool IsBetter(MetricValue score, double best)
        => score.Better == MetricDirection.Higher ? score.Value > best : score.Value < best;

    private static Tensor[] Snapshot(ITrainable trainee)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return [.. trainee.State().Select(value => value.clone().DetachFromDisposeScope())];
    }

    private static void Restore(ITrainable trainee, Tensor[] snapshot)
    {
        using var noGradient = no_grad();
        foreach (var (value, saved) in trainee.State().Zip(snapshot)) value.copy_(saved);
    }

    private static void Dispose(IEnumerable<Tensor> tensors)
    {
        foreach (var tensor in tensors) tensor.Dispose();
    }
}
