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
    /// <summary>A teacher that is trained along with the student; each learns from the other.</summary>
    public TrainableGraph? Companion { get; init; }

    /// <summary>A teacher that stays as it is. Asked for when the phase begins: the phase before may have trained it.</summary>
    public Func<TeacherOutputs>? Teacher { get; init; }
}

/// <summary>How a student is trained on a grid.</summary>
/// <param name="Training">Batch size, learning rate, weight decay, augmentation.</param>
/// <param name="Seed">Seed of order and augmentation.</param>
/// <param name="Temperature">Softens the distributions of student and teacher.</param>
/// <param name="Alpha">Weight of the teacher against the labels.</param>
internal sealed record StudySettings(TrainingSpec Training, int Seed, double Temperature, double Alpha);

/// <summary>
/// Trains a graph through its phases: AdamW over weights and steps, one learning rate curve over all phases, and at the end
/// the weights of the epoch that did best on the validation samples. Runs on the calling thread from start to end.
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
        var (steps, step, epochs) = ((long)phases.Sum(phase => phase.Epochs) * batches.PerEpoch, 0L, new List<EpochReport>());
        using var optimizer = Optimizer(student, spec, 1);
        using var uncollected = new UncollectedSteps();
        var best = 0.0;
        var bestState = student.Snapshot();
        try
        {
            foreach (var phase in phases.Where(phase => phase.Epochs > 0))
            {
                using var companion = phase.Companion is null ? null : Optimizer(phase.Companion, spec, CompanionRate);
                using var teacher = phase.Teacher?.Invoke();
                for (var epoch = 0; epoch < phase.Epochs; epoch++)
                {
                    var (view, loss) = (teacher?.ViewOf(epochs.Count) ?? epochs.Count, 0.0);
                    foreach (var (indices, _) in batches.Of(epochs.Count))
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        var rate = LearningRate.At(step++, steps, spec.LearningRate);
                        optimizer.At(rate);
                        companion?.At(rate);
                        uncollected.Next();
                        loss += Step(student, phase, optimizer, companion, batches, indices, view, teacher, settings, cancellationToken);
                        progress.Report((double)step / steps, epochs.Count == 0 ? phase.Name : $"{phase.Name}, epoch {epoch + 1} of {phase.Epochs}, validation {epochs[^1].Accuracy:P2}");
                    }
                    var accuracy = student.Accuracy(validation, cancellationToken);
                    epochs.Add(new EpochReport(phase.Name, epoch + 1, loss / batches.PerEpoch, accuracy));
                    // An equal later epoch had the smaller learning rate behind it: it is taken.
                    if (accuracy < best) continue;
                    best = accuracy;
                    Dispose(bestState);
                    bestState = student.Snapshot();
                }
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
        TrainableGraph student, StudyPhase phase, Rates optimizer, Rates? companion, Batches batches, int[] indices, int view, TeacherOutputs? teacher, StudySettings settings, CancellationToken cancellationToken)
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
        optimizer.Learn(loss);
        companion?.Learn(Loss(targets!, logits));
        return loss.item<float>() is var value && float.IsFinite(value)
            ? value
            : throw new BuildException($"Training on the grid diverged: the loss became {value}. Lower quantizationAware.learningRate.");
    }

    private static Rates Optimizer(TrainableGraph graph, TrainingSpec spec, double rate)
    {
        // Weight decay pulls weights towards zero; pulling biases and steps there only hurts. A step's gradient is scaled down
        // by what shares it, to the size of Adam's own guard against division by zero, which is therefore smaller here.
        var optimizer = new AdamW();
        optimizer.Add(graph.Weights.Where(weight => weight.dim() > 1), spec.WeightDecay);
        optimizer.Add(graph.Weights.Where(weight => weight.dim() <= 1), 0);
        optimizer.Add(graph.Steps, 0, epsilon: 1e-12);
        return new Rates(optimizer, rate);
    }

    private static void Dispose(IEnumerable<Tensor> tensors)
    {
        foreach (var tensor in tensors) tensor.Dispose();
    }

    /// <summary>An optimizer at its share of the common learning rate.</summary>
    private sealed class Rates(AdamW optimizer, double share) : IDisposable
    {
        public void At(double rate) => optimizer.LearningRate = rate * share;

        public void Learn(Tensor loss) => optimizer.Step(loss);

        public void Dispose() => optimizer.Dispose();
    }
}
