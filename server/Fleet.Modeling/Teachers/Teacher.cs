using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Teachers;

/// <summary>The teacher of a build: a file that was given, or one that is trained on the labels here.</summary>
/// <param name="Model">Answers for it.</param>
/// <param name="Description">What it is, for reports.</param>
/// <param name="Parameters">Trainable parameters; of a file, its floating-point weights.</param>
/// <param name="Epochs">One point for each epoch it was trained; empty for a file.</param>
internal sealed record Teacher(ITeacherModel Model, string Description, long Parameters, IReadOnlyList<EpochReport> Epochs) : IDisposable
{
    /// <summary>Opens the given file, or trains a teacher and leaves it at <paramref name="path"/>.</summary>
    public static Teacher Provide(
        TeacherSpec spec, DataSet data, Normalization normalization, int seed, string path, BuildMemory memory,
        IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        if ((spec.Onnx ?? spec.TorchScript) is { } given)
        {
            ITeacherModel model = spec.Onnx is not null
                ? Open(given, data, data.Form)
                : new TorchScriptTeacher(given, data.Training.SampleShape, data.Columns, data.Training.Vocabulary is not null);
            return new Teacher(model, Path.GetFileName(given), model.Parameters, []);
        }
        var plan = Families.Teacher(
            spec.Family!, spec.Width, data.Training.SampleShape, Families.HeadFor(data), spec.Depth ?? 0, data.Training.Vocabulary);
        if (memory.Finished<IReadOnlyList<EpochReport>>("teacher") is not { } epochs || !File.Exists(path))
        {
            using var network = new Network(plan, normalization, seed);
            epochs = TrainingLoop.Run(network, data.Training, data.Validation,
                new TrainingPhase("teacher", spec.Training, seed, Checkpoint: memory.Training("teacher")),
                new Progress(sink, "Training the teacher", 0.03, 0.45), cancellationToken);
            CheckedExport.Write(network, path, data.Test);
            memory.Finish("teacher", epochs);
        }
        return new Teacher(Open(path, data), plan.Description, plan.Parameters(), epochs);
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private static OnnxTeacher Open(string path, DataSet data, DetectionForm? form = null)
        => new(path, data.Training.SampleShape, data.Training.Labels is BoxLabels boxes
            ? new BoxOutputs(form ?? boxes.Form, boxes.Grid)
            : new FirstOutput(data.Columns), data.Training.Vocabulary is not null);
}
