using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Floors;
using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Search;
using Fleet.Modeling.Teachers;
using Fleet.Quantization;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Seeds;

/// <summary>
/// What is trained with one seed: what the spec leaves open is decided, then come simple models, the teacher and the student. What all of
/// them answer the test samples with is asked once, however often it is looked at.
/// </summary>
internal sealed class SeedTraining : IDisposable
{
    private readonly string _folder;

    private SeedTraining(SpecDecisions decided, string folder)
    {
        (Decided, _folder) = (decided, folder);
        Rate = decided.Spec.Data!.FalsePositiveRate();
    }

    /// <summary>What was decided, and the samples.</summary>
    public SpecDecisions Decided { get; }

    /// <summary>Share of normal samples above the threshold, where anomalies are sought.</summary>
    public double Rate { get; }

    /// <summary>Simple models, what answers everything alike first; none for boxes and where nothing can be compared.</summary>
    public IReadOnlyList<Floor> Simple { get; private set; } = [];

    /// <summary>Judges answers to the test samples; null without simple models.</summary>
    public FloorTable? Table { get; private set; }

    /// <summary>The teacher; null without one.</summary>
    public Teacher? Teacher { get; private set; }

    /// <summary>What it answers the test samples with; empty where nothing is compared.</summary>
    public float[] Taught { get; private set; } = [];

    /// <summary>The student, its epochs, and who learned before it.</summary>
    public Generations.Result Student { get; private set; } = null!;

    /// <summary>What the student answers the test samples with; empty where nothing is compared.</summary>
    public float[] Learned { get; private set; } = [];

    private BuildSpec Spec => Decided.Spec;

    private DataSet Data => Decided.Data;

    /// <summary>Where the student lies.</summary>
    public string StudentPath => Path.Combine(_folder, "student.onnx");

    /// <summary>Decides what is open.</summary>
    /// <inheritdoc cref="SpecDecisions.Make"/>
    public static SeedTraining Begin(BuildSpec spec, HardwareProfile[] profiles, string folder, SampleRoom room, DeviceTimer? timer,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        return new SeedTraining(SpecDecisions.Make(spec, profiles, folder, room, timer, progress, cancellationToken), folder);
    }

    /// <summary>Trains.</summary>
    /// <param name="judge">Ends a build whose networks are of no use; null: none does, and the constant is the only simple model.</param>
    /// <param name="cancellationToken">Honoured at every training step and between runs of a model.</param>
    public void Train(SeedJudge? judge, CancellationToken cancellationToken)
    {
        var (normalization, memory, progress) = (Decided.Normalization, Decided.Memory, Decided.Progress);
        var models = new SimpleModels(Data, normalization, Spec.Seed, Rate).Answers(
            new Progress(progress, "Fitting simple models", 0.03, 0.03), cancellationToken);
        Simple = [.. judge is null ? models.Take(1) : models];
        if (Simple.Count > 0) Table = new FloorTable(Data, judge?.MayRepeat == true);
        if (judge is not null) judge.RequireEnough(this, cancellationToken);
        // The samples that test are those of the build, which would end by them after all seeds were trained.
        else if (!Spec.Data!.CutsTest) Table?.RequireEnough(Simple[0], cancellationToken);

        Teacher = Spec.Teacher!.IsNone ? null : Teacher.Provide(
            Spec, Data, normalization, Path.Combine(_folder, "teacher.onnx"), memory, progress, cancellationToken);
        if (Table is not null && Teacher is not null) Taught = Teacher.Model.Outputs(Data.Test, cancellationToken);
        if (Teacher is not null) judge?.RequireTeacher(this, cancellationToken);
        if (Spec.QuantizationAware is { Method: "qkd" } && Teacher!.Model is AdaptedTeacher)
            throw new BuildException("quantizationAware.method 'qkd' trains the teacher as well, and one that takes samples in another "
                + "form cannot be; use 'qat-distillation'.");
        if (Spec.QuantizationAware is { Method: "qkd" }) TrainedVariants.CheckTeacher(Teacher!.Model.Path, _folder);
        Student = new Generations(Spec, Data, normalization, memory).Train(
            Teacher?.Model, Teacher is null ? 0 : Teacher.Parameters / Teacher.Model.Files.Count, StudentPath, progress, cancellationToken);
        if (Table is not null || Data.Task == ModelTask.Anomaly) Learned = Answers(Data.Test, cancellationToken);
        judge?.RequireStudent(this, cancellationToken);
    }

    /// <summary>The student when it learns from the labels alone; null where that is not asked for, or nothing else taught it.</summary>
    public Floor? LabelsAlone(CancellationToken cancellationToken)
        => Table is null || Teacher is null || Spec.Distillation.CompareWithLabels == false || Data.IsTeachers ? null
            : new Floor(FloorReport.LabelsAlone, "the same student on the labels alone", StudentTraining.OnLabels(
                Spec, Student.Plan, Data, Decided.Normalization, Decided.Memory, Decided.Progress, cancellationToken));

    /// <summary>What the student answers samples with.</summary>
    public float[] Answers(SampleSet samples, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(StudentPath);
        return Answers(session, samples, cancellationToken);
    }

    /// <summary>What a file of it answers samples with.</summary>
    public static float[] Answers(InferenceSession session, SampleSet samples, CancellationToken cancellationToken)
        => ModelOutputs.Of(session, samples.Given().Feeds(session.InputNames[0]), cancellationToken).Values;

    /// <summary>The figure that decides, of answers to the test samples.</summary>
    public MetricValue Figure(float[] outputs) => Data.Test.Labels.Score(outputs)[0];

    /// <inheritdoc/>
    public void Dispose() => Teacher?.Dispose();
}
