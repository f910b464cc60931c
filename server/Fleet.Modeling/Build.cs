using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;

namespace Fleet.Modeling;

/// <summary>One build, from samples to a report. Synchronous: training belongs to one thread from start to end.</summary>
internal static class Build
{
    public static void Run(BuildSpec spec, string folder, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var data = DataSets.Load(spec.Data, Families.SampleRank(spec.Student.Family), spec.Seed);
        var normalization = Normalization.Measure(data.Training);
        Directory.CreateDirectory(folder);
        var teacherPath = Path.Combine(folder, "teacher.onnx");
        var (plan, epochs) = TrainedTeacher.Train(spec.Teacher, data, normalization, spec.Seed, teacherPath, new Progress(progress, "train teacher", 0.05, 0.4), cancellationToken);
        Console.WriteLine($"teacher {plan.Parameters()} {plan.MultiplyAdds()} {string.Join("\n", epochs)}");
        using var teacher = new OnnxTeacher(teacherPath, data.Training.SampleShape, data.Classes.Count, 1);
        Console.WriteLine($"teacher test {Accuracy(teacher.Logits(data.Test, cancellationToken), data.Test)}");

        var studentPlan = Families.Student(spec.Student.Family, spec.Student.Width, data.Training.SampleShape, data.Classes.Count);
        using var student = new Network(studentPlan, normalization, spec.Seed + 1);
        var targets = new SoftTargets(new TeacherLogits(teacher, data.Training, spec.Distillation.Training.Augment, spec.Seed), spec.Distillation.Temperature, spec.Distillation.Alpha);
        epochs = TrainingLoop.Run(student, data.Training, data.Validation, new TrainingPhase("distillation", spec.Distillation.Training, spec.Seed, targets), new Progress(progress, "distil", 0.4, 0.8), cancellationToken);
        Console.WriteLine($"student {studentPlan.Parameters()} {studentPlan.MultiplyAdds()} {string.Join("\n", epochs)}");
        Console.WriteLine($"student test {student.Accuracy(data.Test, cancellationToken)}");
        if (spec.Distillation.FineTuneEpochs > 0)
        {
            var training = spec.Distillation.Training with { Epochs = spec.Distillation.FineTuneEpochs, LearningRate = spec.Distillation.Training.LearningRate / 10 };
            epochs = TrainingLoop.Run(student, data.Training, data.Validation, new TrainingPhase("fine-tuning", training, spec.Seed), new Progress(progress, "tune", 0.8, 0.9), cancellationToken);
            Console.WriteLine($"{string.Join("\n", epochs)}");
        }
        Console.WriteLine($"student test {student.Accuracy(data.Test, cancellationToken)} export {CheckedExport.Write(student, Path.Combine(folder, "student.onnx"), data.Test)}");
    }

    private static double Accuracy(float[] logits, SampleSet samples)
        => Enumerable.Range(0, samples.Count).Count(i => logits.AsSpan(i * (logits.Length / samples.Count), logits.Length / samples.Count) is var row && System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(row) == samples.Labels[i]) / (double)samples.Count;
}
