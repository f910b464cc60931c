using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using static TorchSharp.torch;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>Trains a graph through its phases: AdamW over weights and steps, one learning rate curve over all phases.</summary>
internal sealed class StudyLoop : IDisposable
{
    /// <summary>A companion is a good teacher already: it moves slowly, towards what its student can follow.</summary>
    private const double CompanionRate = 0.25;

    private readonly TrainableGraph _student;
    private readonly TrainableGraph? _companion;
    private readonly IReadOnlyList<StudyPhase> _phases;
    private readonly StudySettings _settings;
    private readonly Batches _batches;
    private readonly LabelLoss _ofLabels;
    private readonly AdamW _optimizer;
    private readonly AdamW? _companions;
    private (int Phase, TeacherOutputs? Outputs) _teacher = (-1, null);

    private StudyLoop(TrainableGraph student, SampleSet training, IReadOnlyList<StudyPhase> phases, StudySettings settings)
    {
        var spec = settings.Training;
        (_student, _phases, _settings) = (student, phases, settings);
        _companion = phases.Select(phase => phase.Companion).OfType<TrainableGraph>().Distinct().SingleOrDefault();
        _batches = new Batches(training, Course.Of(spec, training.Count).BatchSize, Augmentation.Of(spec, training, settings.Seed), CPU,
            spec.Sampling == "balanced");
        _ofLabels = LabelLoss.Of(training.Labels, spec);
        _optimizer = Optimizer(student, spec);
        _companions = _companion is null ? null : Optimizer(_companion, spec);
    }

    /// <param name="student">Trained in place.</param>
    /// <param name="training">What it learns from.</param>
    /// <param name="validation">What the best epoch is chosen by.</param>
    /// <param name="phases">What it goes through, in order.</param>
    /// <param name="settings">How.</param>
    /// <param name="progress">Share done, and what the last epoch reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <returns>One point for each epoch.</returns>
    public static IReadOnlyList<EpochReport> Run(
        TrainableGraph student, SampleSet training, SampleSet validation, IReadOnlyList<StudyPhase> phases, StudySettings settings,
        Progress progress, CancellationToken cancellationToken)
    {
        using var loop = new StudyLoop(student, training, phases, settings);
        var plan = new EpochPlan([.. phases.Select(phase => (phase.Name, phase.Epochs))], settings.Training.LearningRate,
            [.. new[] { loop._optimizer, loop._companions }.OfType<AdamW>()])
        {
            Others = [.. loop._companion?.parameters() ?? []],
            Checkpoint = settings.Checkpoint,
        };
        return EpochLoop.Run(student, loop._batches, validation, plan, at => loop.Step(at, cancellationToken), progress, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _teacher.Outputs?.Dispose();
        _companions?.Dispose();
        _optimizer.Dispose();
    }

    private double Step(StepAt at, CancellationToken cancellationToken)
    {
        var (phase, teacher) = (_phases[at.Phase], TeacherOf(at.Phase));
        _optimizer.LearningRate = at.LearningRate;
        _companions?.LearningRate = at.LearningRate * CompanionRate;

        using var scope = NewDisposeScope(); // frees every tensor this step made
        var view = teacher?.ViewOf(at.Epoch) ?? at.Epoch;
        var (inputs, labels) = (_batches.Inputs(at.Indices, view), _batches.Labels(at.Indices, view));
        var outputs = _student.call(inputs);
        var targets = phase.Companion is { } other ? other.call(inputs) : teacher?.Of(view, at.Indices, CPU, cancellationToken).Outputs;
        var loss = Loss(outputs, targets, labels);
        _optimizer.Step(loss);
        if (phase.Companion is not null) _companions!.Step(Loss(targets!, outputs, labels));
        return loss.item<float>() is var value && float.IsFinite(value)
            ? value
            : throw new BuildException($"Training on the grid diverged: the loss became {value}. Lower quantizationAware.learningRate.");
    }

    private TeacherOutputs? TeacherOf(int phase)
    {
        if (_teacher.Phase == phase) return _teacher.Outputs;
        _teacher.Outputs?.Dispose();
        _teacher = (phase, _phases[phase].Teacher?.Invoke());
        return _teacher.Outputs;
    }

    private Tensor Loss(Tensor learner, Tensor? from, BatchLabels labels)
    {
        var ofLabels = _ofLabels.Of(learner, labels);
        if (from is null) return ofLabels;
        var (alpha, temperature) = (_settings.Alpha, _settings.Temperature);
        return LogitLoss.Divergence(from.detach() / temperature, learner / temperature) * (alpha * temperature * temperature)
            + ofLabels * (1 - alpha);
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
