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
            var model = Open(spec, data, data.Columns);
            var manners = model.Manners.Length > 0 ? $" ({model.Manners})" : "";
            return new Teacher(model, Path.GetFileName(given) + manners, model.Parameters, []);
        }
        var plan = PlanOf(spec, data);
        if (memory.Finished<IReadOnlyList<EpochReport>>("teacher") is not { } epochs || !File.Exists(path))
        {
            epochs = Train(spec, data, normalization, path,
                new TrainingPhase("teacher", spec.Training, seed, Checkpoint: memory.Training("teacher")),
                new Progress(sink, "Training the teacher", 0.03, 0.45), cancellationToken);
            memory.Finish("teacher", epochs);
        }
        return new Teacher(Open(path, data), plan.Description, plan.Parameters(), epochs);
    }

    /// <summary>Trains a teacher on the labels and leaves it at <paramref name="path"/>.</summary>
    public static IReadOnlyList<EpochReport> Train(
        TeacherSpec spec, DataSet data, Normalization normalization, string path, TrainingPhase phase, Progress progress,
        CancellationToken cancellationToken)
    {
        using var network = new Network(PlanOf(spec, data), normalization, phase.Seed);
        var epochs = TrainingLoop.Run(network, data.Training, data.Validation, phase, progress, cancellationToken);
        CheckedExport.Write(network, path, data.Test);
        return epochs;
    }

    /// <summary>One that was trained and left at <paramref name="path"/>.</summary>
    public static ITeacherModel OpenTrained(string path, DataSet data) => Open(path, data);

    private static NetworkPlan PlanOf(TeacherSpec spec, DataSet data) => Families.Teacher(
        spec.Family!, spec.Width, data.Training.SampleShape, Families.HeadFor(data), spec.Depth ?? 0, data.Training.Vocabulary);

    /// <summary>Opens a teacher that is given.</summary>
    /// <param name="spec">Names its file.</param>
    /// <param name="data">Whose samples it must take.</param>
    /// <param name="columns">Numbers it must answer a sample with; null: as many as it does.</param>
    /// <exception cref="BuildException">It cannot be run, takes another input, or answers in another shape.</exception>
    public static ITeacherModel Open(TeacherSpec spec, DataSet data, int? columns)
    {
        if ((spec.Onnx ?? spec.TorchScript) is not { } first)
            throw new BuildException("Samples without labels need a teacher that is given: name its file in teacher.onnx or "
                + "teacher.torchScript, or give labelled samples in data.train to train one on.");
        if (data.Training.Labels is BoxLabels) return Open(first, data, data.Form);
        var (shape, areTokens) = (data.Training.SampleShape, data.Training.Vocabulary is not null);
        var picked = Picked(spec, data, first);
        var members = new List<(ITeacherModel Model, InputForm Form)>();
        try
        {
            foreach (var path in (string[])[first, .. spec.Ensemble ?? []])
            {
                var form = InputForm.Of(shape, spec.Onnx is null || areTokens ? null : OnnxTeacher.TakesOf(path), spec.Input)
                    ?? (spec.Input is null ? new InputForm(shape, shape, shape[0], [.. shape.Skip(1)], false, new TeacherInput())
                        : throw new BuildException(
                            $"Samples of ({string.Join(", ", shape)}) cannot become what teacher {path} takes: look at teacher.input.shape "
                                + "and layout."));
                if (new[] { form.Values.Mean, form.Values.Deviation }.Any(numbers => numbers is not null && numbers.Count != 1
                    && numbers.Count != form.Channels))
                    throw new BuildException(
                        $"teacher.input.mean and deviation need one number, or {form.Channels}, one for each channel of teacher {path}.");
                // The next ones answer in the form of the first.
                var own = spec.Classes?.Count ?? columns ?? members.FirstOrDefault().Model?.Columns;
                members.Add((spec.Onnx is null ? (ITeacherModel)new TorchScriptTeacher(path, form.To, own, areTokens)
                    : new OnnxTeacher(path, form.To, new FirstOutput(own), areTokens), form));
            }
        }
        catch
        {
            foreach (var (model, _) in members) model.Dispose();
            throw;
        }
        return members is [(var only, { IsPlain: true })] && picked is null && spec.Answers is not "probabilities"
            ? only : new AdaptedTeacher(members, picked, spec.Answers is "probabilities", data.Task);
    }

    // Where each class of the data stands in the teacher's answer; null where they are the same.
    private static int[]? Picked(TeacherSpec spec, DataSet data, string path)
    {
        if (spec.Classes is not { } own || data.Classes.Count == 0 || own.SequenceEqual(data.Classes)) return null;
        return [
            .. data.Classes.Select(name => own.ToList().IndexOf(name) is >= 0 and var place ? place
                : throw new BuildException(
                    $"The data has the class '{name}', and teacher {path} knows {string.Join(", ", own.Take(12))}"
                        + $"{(own.Count > 12 ? ", ..." : "")} (teacher.classes): leave out samples of what it does not know.")),
        ];
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private static OnnxTeacher Open(string path, DataSet data, DetectionForm? form = null)
        => new(path, data.Training.SampleShape, data.Training.Labels is BoxLabels boxes
            ? new BoxOutputs(form ?? boxes.Form, boxes.Grid)
            : new FirstOutput(data.Columns), data.Training.Vocabulary is not null);
}
