using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Teachers;
using static TorchSharp.torch;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>One phase of training on a grid. It learns from the labels, and from a teacher where it has one.</summary>
/// <param name="Name">Name in the report.</param>
/// <param name="Epochs">Passes over the training samples.</param>
internal sealed record StudyPhase(string Name, int Epochs)
{
    /// <summary>A teacher that is trained along with the student; each learns from the other. One for all phases that have one.</summary>
    public TrainableGraph? Companion { get; init; }

    /// <summary>A teacher that stays as it is. Asked for when the phase begins: the phase before may have trained it.</summary>
    public Func<TeacherOutputs>? Teacher { get; init; }
}

/// <summary>How a student is trained on a grid.</summary>
/// <param name="Training">Batch size, learning rate, weight decay, augmentation.</param>
/// <param name="Seed">Seed of order and augmentation.</param>
/// <param name="Temperature">Softens the distributions of student and teacher.</param>
/// <param name="Alpha">Weight of the teacher against the labels.</param>
/// <param name="Checkpoint">Where it is kept in case the process ends; null for nowhere.</param>
internal sealed record StudySettings(TrainingSpec Training, int Seed, double Temperature, double Alpha, Checkpoint? Checkpoint = null);

/// <summary>
/// Trains a graph through its phases: AdamW over weights and steps, one learning rate curve over all phases, and at the end
/// the weights of the epoch that did best on the validation samples. With a checkpoint it goes on where it was kept. Runs on the calling thread from start to end.
/// </summary>
internal static class StudyLoop
{
    /// <summary>A companion is a good teacher already: it moves slowly, towards what its student can follow.</summary>
    private const double CompanionRate = 0.25;

    /// <param name="student">Trained in place.</param>
    /// <param name="training">What it learns from.</param>
    /// <param name="validation">What the best epoch is chosen by.</param>
    /// <param name="phases">What it goes through, in order.</param>
    /// <param name="settings">How.</param>
    /// <param name="progress">Share done, and what the last epoch reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <returns>One point for each epoch.</returns>
    public static IReadOnlyList<EpochReport> Run(
        TrainableGraph student, SampleSet training, SampleSet validation, IReadOnlyList<StudyPhase> phases, StudySettings settings, Progress progress, CancellationToken cancellationToken)
    {
        var spec = settings.Training;
        var batches = new Batches(training, Math.Min(spec.BatchSize, training.Count), Augmentation.Of(spec, settings.Seed), CPU);
        var (total, companion) = (phases.Sum(phase => phase.Epochs), phases.Select(phase => phase.Companion).OfType<TrainableGraph>().Distinct().SingleOrDefault());
        var steps = (long)total * batches.PerEpoch;
        using var optimizer = Optimizer(student, spec);
        using var companions = companion is null ? null : Optimizer(companion, spec);
        using var uncollected = new UncollectedSteps();
        var bestState = student.Snapshot();
        try
        {
            Tensor[] Kept() => [.. student.parameters(), .. bestState, .. companion?.parameters() ?? []];
            AdamW[] optimizers = companions is null ? [optimizer] : [optimizer, companions];
            var at = settings.Checkpoint?.Load(Kept(), optimizers) ?? TrainingPosition.Start;
            if (at != TrainingPosition.Start) progress.Report((double)at.Epoch / total, $"goes on in epoch {Math.Min(at.Epoch + 1, total)} of {total}");
            var epochs = at.Epochs.ToList();
            var (best, bestEpoch, first) = (at.Best, at.BestEpoch, 0);
            foreach (var phase in phases)
            {
                var end = first + phase.Epochs;
                using var teacher = at.Epoch < end ? phase.Teacher?.Invoke() : null;
                for (var epoch = at.Epoch; epoch < end; epoch++)
                {
                    var (view, loss) = (teacher?.ViewOf(epoch) ?? epoch, at.Loss);
                    foreach (var (indices, number) in batches.Of(epoch).Skip(at.Batch))
                    {
                        if (settings.Checkpoint is { IsDue: true } due) due.Save(new TrainingPosition(epoch, number, loss, epochs, best, bestEpoch), Kept(), optimizers);
                        cancellationToken.ThrowIfCancellationRequested();
                        var step = (long)epoch * batches.PerEpoch + number;
                        optimizer.LearningRate = LearningRate.At(step, steps, spec.LearningRate);
                        companions?.LearningRate = optimizer.LearningRate * CompanionRate;
                        uncollected.Next();
                        loss += Step(student, phase, optimizer, companions, batches, indices, view, teacher, settings, cancellationToken);
                        progress.Report((step + 1.0) / steps, epochs.Count == 0 ? phase.Name : $"{phase.Name}, epoch {epoch - first + 1} of {phase.Epochs}, validation {epochs[^1].Accuracy:P2}");
                    }
                    var accuracy = student.Accuracy(validation, cancellationToken);
                    epochs.Add(new EpochReport(phase.Name, epoch - first + 1, loss / batches.PerEpoch, accuracy));
                    // An equal later epoch had the smaller learning rate behind it: it is taken.
                    if (accuracy >= best)
                    {
                        (best, bestEpoch) = (accuracy, epoch);
                        Dispose(bestState);
                        bestState = student.Snapshot();
                    }
                    at = new TrainingPosition(epoch + 1, 0, 0, epochs, best, bestEpoch);
                    settings.Checkpoint?.Save(at, Kept(), optimizers);
                }
                first = end;
            }
            student.Restore(bestState);
            return epochs;
        }
        finally
        {
            Dispose(bestState);
        }
    }

    private static double Step(
        TrainableGraph student, StudyPhase phase, AdamW optimizer, AdamW? companions, Batches batches, int[] indices, int view, TeacherOutputs? teacher, StudySettings settings, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope(); // frees every tensor this step made
        var (inputs, labels) = (batches.Inputs(indices, view), batches.Labels(indices));
        var logits = student.call(inputs);
        var targets = phase.Companion is { } other ? other.call(inputs) : teacher?.Of(view, indices, CPU, cancellationToken).Logits;
        Tensor Loss(Tensor learner, Tensor? from)
        {
            var ofLabels = nn.functional.cross_entropy(learner, labels, label_smoothing: settings.Training.LabelSmoothing);
            if (from is null) return ofLabels;
            var (alpha, temperature) = (settings.Alpha, settings.Temperature);
            return LogitLoss.Divergence(from.detach() / temperature, learner / temperature) * (alpha * temperature * temperature) + ofLabels * (1 - alpha);
        }

        var loss = Loss(logits, targets);
        optimizer.Step(loss);
        if (phase.Companion is not null) companions!.Step(Loss(targets!, logits));
        return loss.item<float>() is var value && float.IsFinite(value)
            ? value
            : throw new BuildException($"Training on the grid diverged: the loss became {value}. Lower quantizationAware.learningRate.");
    }

    private static AdamW Optimizer(TrainableGraph graph, TrainingSpec spec)
    {
        // Weight decay pulls weights towards zero; pulling biases and steps there only hurts. A step's gradient is scaled down
        // by what shares it, to the size of Adam's own guard against division by zero, which is therefore smaller here.
        var optimizer = new AdamW();
        optimizer.Add(graph.Weights.Where(weight => weight.dim() > 1), spec.WeightDecay);
        optimizer.Add(graph.Weights.Where(weight => weight.dim() <= 1), 0);
        optimizer.Add(graph.Steps, 0, epsilon: 1e-12);
        return optimizer;
    }

    private static void Dispose(IEnumerable<Tensor> tensors)
    {
        foreach (var tensor in tensors) tensor.Dispose();
    }
}
