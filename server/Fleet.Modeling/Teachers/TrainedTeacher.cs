using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Teachers;

/// <summary>Trains a teacher on the labels and leaves it as an ONNX file.</summary>
internal static class TrainedTeacher
{
    /// <returns>The network as data, and one point for each epoch.</returns>
    public static (NetworkPlan Plan, IReadOnlyList<EpochReport> Epochs) Train(
        TeacherSpec spec, DataSet data, Normalization normalization, int seed, string path, Progress progress, CancellationToken cancellationToken)
    {
        var plan = Families.Teacher(spec.Family!, spec.Width, data.Training.SampleShape, data.Classes.Count);
        using var network = new Network(plan, normalization, seed);
        var epochs = TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase("teacher", spec.Training, seed), progress, cancellationToken);
        CheckedExport.Write(network, path, data.Test);
        return (plan, epochs);
    }
}
