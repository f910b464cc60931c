using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Teachers;
using Fleet.Quantization;
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

/// <summary>Trains a graph through its phases: AdamW over weights and steps, one learning rate curve over all phases.</summary>
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
        var companion = phases.Select(phase => phase.Companion).OfType<TrainableGraph>().Distinct().SingleOrDefault();
        using var optimizer = Optimizer(student, spec);
        using var companions = companion is null ? null : Optimizer(companion, spec);
        var plan = new EpochPlan([.. phases.Select(phase => (phase.Name, phase.Epochs))], spec.LearningRate, companions is null ? [optimizer] : [optimizer, companions])
        {
            Others = [.. companion?.parameters() ?? []],
            Checkpoint = settings.Checkpoint,
        };
        (int Phase, TeacherOutputs? Outputs) teacher = (-1, null);
        double Learn(StepAt at)
        {
            var phase = phases[at.Phase];
            if (teacher.Phase != at.Phase)
            {
                teacher.Outputs?.Dispose();
                teacher = (at.Phase, phase.Teacher?.Invoke());
            }
            optimizer.LearningRate = at.LearningRate;
            companions?.LearningRate = at.LearningRate * CompanionRate;
            return Step(student, phase, optimizer, companions, batches, at, teacher.Outputs, settings, cancellationToken);
        }
        try
        {
            return EpochLoop.Run(student, batches, validation, plan, Learn, progress, cancellationToken);
        }
        finally
        {
            teacher.Outputs?.Dispose();
        }
    }

    private static double Step(
        TrainableGraph student, StudyPhase phase, AdamW optimizer, AdamW? companions, Batches batches, StepAt at, TeacherOutputs? teacher, StudySettings settings, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope(); // frees every tensor this step made
        var view = teacher?.ViewOf(at.Epoch) ?? at.Epoch;
        var (inputs, labels) = (batches.Inputs(at.Indices, view), batches.Labels(at.Indices));
        var logits = student.call(inputs);
        var targets = phase.Companion is { } other ? other.call(inputs) : teacher?.Of(view, at.Indices, CPU, cancellationToken).Logits;
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
}
