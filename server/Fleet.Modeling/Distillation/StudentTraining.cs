using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;

namespace Fleet.Modeling.Distillation;

/// <summary>Distils a student from a teacher, fine-tunes it on the labels and leaves it as an ONNX file.</summary>
internal static class StudentTraining
{
    /// <summary>Fine-tuning polishes what distillation found: at a tenth of its learning rate it does not start over.</summary>
    private const double FineTuneRate = 0.1;

    /// <returns>The network as data, and one point for each epoch of both phases.</returns>
    public static (NetworkPlan Plan, IReadOnlyList<EpochReport> Epochs) Train(
        BuildSpec spec, OnnxTeacher teacher, DataSet data, Normalization normalization, string path, IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var plan = Families.Student(spec.Student!.Family, spec.Student.Width, data.Training.SampleShape, data.Classes.Count, spec.Student.Depth ?? 0, data.Training.Vocabulary);
        // A seed of its own: a student of the teacher's width must not begin as its copy.
        var seed = unchecked(spec.Seed + 1);
        using var network = new Network(plan, normalization, seed);

        var distillation = spec.Distillation;
        var training = distillation.Training;
        var targets = new SoftTargets(new TeacherLogits(teacher, data.Training, training.Augment, seed), distillation.Temperature, distillation.Alpha);
        var epochs = TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase("distillation", training, seed, targets),
            new Progress(sink, "Distilling the student", 0.45, 0.8), cancellationToken);
        if (distillation.FineTuneEpochs > 0)
        {
            var tuning = training with { Epochs = distillation.FineTuneEpochs, LearningRate = training.LearningRate * FineTuneRate };
            epochs = [.. epochs, .. TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase("fine-tuning", tuning, unchecked(seed + 1)),
                new Progress(sink, "Fine-tuning the student", 0.8, 0.85), cancellationToken)];
        }
        CheckedExport.Write(network, path, data.Test);
        return (plan, epochs);
    }
}
