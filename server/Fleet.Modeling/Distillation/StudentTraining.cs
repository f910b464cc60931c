using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Decisions;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Distillation;

/// <summary>
/// Distils a student from a teacher and fine-tunes it on the labels, or trains it on these alone, or fits prototypes of normal samples, and
/// leaves it as an ONNX file.
/// </summary>
internal static class StudentTraining
{
    /// <summary>Fine-tuning polishes what distillation found: at a tenth of its learning rate it does not start over.</summary>
    private const double FineTuneRate = 0.1;

    /// <summary>Name of the folder, beside the student, of what its teacher said.</summary>
    public const string AnswersFolder = "teacher-outputs";

    /// <summary>The student of a spec whose width is known.</summary>
    public static NetworkPlan PlanOf(BuildSpec spec, DataSet data) => Families.Student(
        spec.Student!.Family, spec.Student.Width.Value, data.Training.SampleShape, Families.HeadFor(data), spec.Student.Depth ?? 0,
        data.Training.Vocabulary) with
    {
        FrontEnd = data.FrontEnd,
        InputForm = data.InputForm,
    };

    /// <param name="spec">What to build; its width is known.</param>
    /// <param name="teacher">Who teaches; null for nobody.</param>
    /// <param name="data">The samples.</param>
    /// <param name="normalization">First step of the student.</param>
    /// <param name="path">Where the student is left.</param>
    /// <param name="teaching">Where it is left once more as a teacher of others; null for nowhere.</param>
    /// <param name="memory">Keeps what is finished.</param>
    /// <param name="sink">Told what is trained.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <returns>The network as data, and one point for each epoch of both phases.</returns>
    public static (NetworkPlan Plan, IReadOnlyList<EpochReport> Epochs) Train(
        BuildSpec spec, ITeacherModel? teacher, DataSet data, Normalization normalization, string path, string? teaching,
        BuildMemory memory, IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var plan = PlanOf(spec, data);
        if (memory.Finished<IReadOnlyList<EpochReport>>("student") is { } finished && File.Exists(path)) return (plan, finished);
        // A seed of its own: a student of the teacher's width must not begin as its copy.
        var seed = unchecked(spec.Seed + 1);
        using var network = new Network(plan, normalization, seed);
        IReadOnlyList<EpochReport> epochs = [];
        if (plan.Layers[^2] is Projection)
        {
            sink.Report(new BuildProgress("Finding prototypes of normal samples", 0.03));
            PrototypeFit.Apply(network, data.Training, seed, cancellationToken);
        }
        else
            epochs = [
                .. Learned(network, spec, teacher, data, seed, Path.GetDirectoryName(path)!, memory, sink, cancellationToken),
                .. FineTuned(network, spec.Distillation, data, seed, memory.Training("fine-tuning"),
                    new Progress(sink, "Fine-tuning the student", 0.66, 0.7), cancellationToken),
            ];
        if (network.Plan.Head is Reconstruction head)
            network.Answer(head with
            {
                Threshold = AnomalyThreshold.Of(network.Outputs(data.Validation, cancellationToken), spec.Data!.FalsePositiveRate()),
            });
        CheckedExport.Write(network, path, data.Test);
        if (teaching is not null) CheckedExport.WriteTeacher(network, teaching);
        memory.Finish("student", epochs);
        return (plan, epochs);
    }

    /// <summary>
    /// What each epoch reaches on the validation samples of <paramref name="data"/> before fine-tuning; the student itself is not kept.
    /// </summary>
    public static IReadOnlyList<EpochReport> Judged(
        BuildSpec spec, ITeacherModel? teacher, DataSet data, Normalization normalization, BuildMemory memory,
        IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var (plan, seed) = (PlanOf(spec, data), unchecked(spec.Seed + 1));
        using var network = new Network(plan, normalization, seed);
        return Learned(network, spec, teacher, data, seed, memory.Folder, memory, sink, cancellationToken);
    }

    private static IReadOnlyList<EpochReport> Learned(
        Network network, BuildSpec spec, ITeacherModel? teacher, DataSet data, int seed, string folder, BuildMemory memory,
        IProgress<BuildProgress> sink, CancellationToken cancellationToken) => teacher is null
            ? TrainingLoop.Run(network, data.Training, data.Validation,
                new TrainingPhase("labels", spec.Distillation.Training, seed, Checkpoint: memory.Training("distillation")),
                new Progress(sink, "Training the student", 0.03, 0.66), cancellationToken)
            : Distilled(network, spec, teacher, data, seed, folder, memory, sink, cancellationToken);

    private static IReadOnlyList<EpochReport> Distilled(
        Network network, BuildSpec spec, ITeacherModel teacher, DataSet data, int seed, string folder, BuildMemory memory,
        IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var (samples, heldOut) = TeacherLabels.Meal(data, teacher, spec.Data!.ValidationShare, seed, cancellationToken);
        return Towards(network, teacher, samples, heldOut, spec.Distillation, seed, Path.Combine(folder, AnswersFolder),
            memory.Training("distillation"), new Progress(sink, "Distilling the student", 0.45, 0.66), cancellationToken);
    }

    /// <summary>Trains a network towards a teacher.</summary>
    /// <param name="network">Trained in place.</param>
    /// <param name="teacher">Who teaches.</param>
    /// <param name="samples">What it learns from.</param>
    /// <param name="heldOut">What the best epoch is chosen by; none leaves the last.</param>
    /// <param name="distillation">Losses and course.</param>
    /// <param name="seed">Seed of order, augmentation and losses.</param>
    /// <param name="folder">Where the teacher's answers are kept.</param>
    /// <param name="checkpoint">Where it is kept in case the process ends; null for nowhere.</param>
    /// <param name="progress">Share done, and what the last epoch reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    public static IReadOnlyList<EpochReport> Towards(
        Network network, ITeacherModel teacher, SampleSet samples, SampleSet heldOut, DistillationSpec distillation, int seed,
        string folder, Checkpoint? checkpoint, Progress progress, CancellationToken cancellationToken)
    {
        var training = distillation.Training;
        using var answers = new TeacherOutputs(teacher, samples, LossSum.TeacherFeatures(distillation, samples.Labels),
            Augmentation.Of(training, samples, seed), Course.Of(training, samples.Count).Views(distillation, samples.Count), folder);
        if (!answers.Kept)
            progress.Report(0, $"the teacher's answers need {answers.Bytes / 1e9:0.0} GB and {answers.Limit / 1e9:0.0} GB are kept, so it "
                + "is asked anew at every step");
        using var losses = new LossSum(distillation, network.Plan.Features(), answers.Features, answers.Columns, samples.Labels, seed,
            TrainingDevice.Choose(training.Device));
        return TrainingLoop.Run(network, samples, heldOut,
            new TrainingPhase("distillation", training, seed, new TeacherObjective(answers, losses), checkpoint), progress,
            cancellationToken);
    }

    /// <summary>What the same student answers the test samples with when it learns from the labels alone, as many steps.</summary>
    public static float[] OnLabels(
        BuildSpec spec, NetworkPlan plan, DataSet data, Normalization normalization, BuildMemory memory, IProgress<BuildProgress> sink,
        CancellationToken cancellationToken)
    {
        if (memory.Finished<float[]>("labels-alone") is { } finished) return finished;
        var seed = unchecked(spec.Seed + 1);
        using var network = new Network(plan, normalization, seed);
        TrainingLoop.Run(network, data.Training, data.Validation,
            new TrainingPhase("labels", AsManySteps(spec, data), seed, Checkpoint: memory.Training("labels-alone")),
            new Progress(sink, "Training the student on the labels alone", 0.7, 0.84), cancellationToken);
        FineTuned(network, spec.Distillation, data, seed, memory.Training("labels-alone-tuning"),
            new Progress(sink, "Training the student on the labels alone", 0.84, 0.85), cancellationToken);
        var outputs = network.Outputs(data.Test, cancellationToken);
        memory.Finish("labels-alone", outputs);
        return outputs;
    }

    // Beside samples without labels an epoch on the labelled ones is shorter: as many more of them are as many steps.
    private static TrainingSpec AsManySteps(BuildSpec spec, DataSet data)
    {
        var training = spec.Distillation.Training;
        if (data.Unlabelled is not { } more) return training;
        var held = data.Validation.Count == 0 ? 0 : Splits.Rounded(more.Count * spec.Data!.ValidationShare);
        var count = data.Training.Count + more.Count - held;
        var (distilling, alone) = (Course.Of(training, count), Course.Of(training, data.Training.Count));
        var steps = (long)distilling.Epochs * (count / distilling.BatchSize);
        var perEpoch = Math.Max(1, data.Training.Count / alone.BatchSize);
        var epochs = (int)((steps + perEpoch - 1) / perEpoch);
        return training with
        {
            Epochs = epochs,
            BatchSize = alone.BatchSize,
            StopAfter = training.StopAfter is { } stop ? Math.Clamp(stop * epochs / distilling.Epochs, 1, epochs) : null,
        };
    }

    private static IReadOnlyList<EpochReport> FineTuned(
        Network network, DistillationSpec distillation, DataSet data, int seed, Checkpoint checkpoint, Progress progress,
        CancellationToken cancellationToken)
    {
        if (distillation.FineTuneEpochs == 0) return [];
        var training = distillation.Training;
        var tuning = training with
        {
            Epochs = distillation.FineTuneEpochs,
            StopAfter = null,
            LearningRate = training.LearningRate * FineTuneRate,
        };
        return TrainingLoop.Run(network, data.Training, data.Validation,
            new TrainingPhase("fine-tuning", tuning, unchecked(seed + 1), Checkpoint: checkpoint), progress, cancellationToken);
    }
}
