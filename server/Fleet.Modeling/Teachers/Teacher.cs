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
/// <param name="Epochs">One point for each epoch it was trained, of several the first; empty for a file.</param>
internal sealed record Teacher(ITeacherModel Model, string Description, long Parameters, IReadOnlyList<EpochReport> Epochs) : IDisposable
{
    /// <summary>Shares of a build's progress between which teachers are trained.</summary>
    private const double FirstShare = 0.03, LastShare = 0.45;

    /// <summary>Between the seeds of two members: student and others have those next to the build's.</summary>
    private const int SeedsApart = 1_000;

    private const int UsualMembers = 3;

    /// <summary>Multiplications of all passes of a training, forward: about 20 seconds on one core.</summary>
    private const double MostForSeveral = 1e11;

    /// <summary>Opens the given file, or trains one teacher or several, whose mean teaches, at <paramref name="path"/>.</summary>
    /// <param name="asked">The build, with nothing of its teacher left open.</param>
    /// <param name="data">The samples.</param>
    /// <param name="normalization">First step of the networks.</param>
    /// <param name="path">Of the first network that is trained; the others stand beside it, as <c>teacher-2.onnx</c>.</param>
    /// <param name="memory">Keeps what is finished.</param>
    /// <param name="sink">Told what is trained.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    public static Teacher Provide(
        BuildSpec asked, DataSet data, Normalization normalization, string path, BuildMemory memory, IProgress<BuildProgress> sink,
        CancellationToken cancellationToken)
    {
        var spec = asked.Teacher!;
        if ((spec.Onnx ?? spec.TorchScript) is { } given)
        {
            var model = Open(spec, data, data.Columns);
            var manners = model.Manners.Length > 0 ? $" ({model.Manners})" : "";
            return new Teacher(model, Path.GetFileName(given) + manners, model.Parameters, []);
        }
        var (plan, count) = (PlanOf(spec, data), spec.Members ?? 1);
        IReadOnlyList<EpochReport> epochs = [];
        for (var number = 0; number < count; number++)
        {
            var (own, name) = (PathOf(path, number), number == 0 ? "teacher" : $"teacher {number + 1}");
            if (memory.Finished<IReadOnlyList<EpochReport>>(name) is not { } reached || !File.Exists(own))
            {
                double Until(int trained) => FirstShare + (LastShare - FirstShare) * trained / count;
                reached = Train(spec, data, normalization, own,
                    new TrainingPhase(name, spec.Training, unchecked(asked.Seed + number * SeedsApart), Checkpoint: memory.Training(name)),
                    new Progress(sink, $"Training the teacher{(count == 1 ? "" : $", {number + 1} of {count}")}",
                        Until(number), Until(number + 1)), cancellationToken);
                memory.Finish(name, reached);
            }
            if (number == 0) epochs = reached;
        }
        if (count == 1) return new Teacher(Open(path, data), plan.Description, plan.Parameters(), epochs);
        var form = InputForm.Of(data.Training.SampleShape, null, null)!;
        (ITeacherModel, InputForm)[] members = [
            .. Enumerable.Range(0, count).Select(number => (Open(PathOf(path, number), data), form)),
        ];
        var mean = new AdaptedTeacher(members, null, areProbabilities: false, data.Task);
        return new Teacher(mean, $"{plan.Description}, {mean.Manners}", count * plan.Parameters(), epochs);
    }

    /// <summary>
    /// How many are trained where the spec leaves it open. A mean of three was a point or two better than one on sets of few samples, where
    /// one is trained in seconds; where one is a good part of the build, it stays alone.
    /// </summary>
    public static int Members(BuildSpec spec, DataSet data)
    {
        if (spec.Teacher!.TrainedFamily is null) return 1;
        if (!BuildSpecRules.HasMean(spec with { Data = spec.Data! with { Task = data.Task } })) return 1;
        var passes = (double)Course.Of(spec.Teacher.Training, data.Training.Count).Epochs * data.Training.Count;
        return passes * PlanOf(spec.Teacher, data).MultiplyAdds() <= MostForSeveral ? UsualMembers : 1;
    }

    private static string PathOf(string path, int number)
        => number == 0 ? path : Path.ChangeExtension(path, null) + $"-{number + 1}{Path.GetExtension(path)}";

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
                if (data.IsSizeFound && form.Plane is [var height, var width] && (height > shape[1] || width > shape[2]))
                    throw new BuildException(
                        $"Teacher {path} looks at pictures of {width}x{height}, and those of the files would become {shape[2]}x{shape[1]}, "
                            + $"since they have other sizes: say data.preprocessing: {{ width: {width}, height: {height} }}.");
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
