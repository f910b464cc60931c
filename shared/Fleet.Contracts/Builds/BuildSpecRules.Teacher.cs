using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>teacher</c>: one that is trained, or one that is read from a file.</summary>
public static partial class BuildSpecRules
{
    /// <summary>What a teacher answers with.</summary>
    public static readonly IReadOnlyList<string> TeacherAnswers = ["logits", "probabilities"];

    /// <summary>Most files that teach together.</summary>
    public const int MaximumEnsemble = 16;

    /// <summary>Most students that are trained in turn.</summary>
    public const int MaximumGenerations = 8;

    /// <summary>Where training may run.</summary>
    public static readonly IReadOnlyList<string> Devices = ["auto", "cpu", "cuda"];

    private static void JudgeTeacher(TeacherSpec spec, DataSpec data, StudentSpec? student, Problems problems)
    {
        problems.Require(((string?[])[spec.Onnx, spec.TorchScript, spec.Family]).Count(source => source is not null) == 1,
            "teacher needs one of family (to train one here), onnx or torchScript (a file), and no other; teacher: none is for a student "
                + "that learns from the labels alone.");
        problems.Require(spec.Family != StudentSpec.Auto || student?.IsSearched == true,
            "teacher.family auto goes with student.family auto: the teacher is of the family that is found.");
        problems.Require(spec.Family != StudentSpec.Auto || spec.Depth is null,
            $"teacher.depth {spec.Depth} is for a family that is named; leave it out.");
        problems.Require(spec.TorchScript is null || data.Task is not ModelTask.Detection,
            "teacher.torchScript answers with one tensor, and a detector with two: give teacher.onnx.");
        if (spec.TrainedFamily is { } family) JudgeFamily("teacher", family, spec.Depth, data, problems);
        JudgeManners(spec, data, problems);
        problems.Require(spec.Width is >= 4 and <= 1024, $"teacher.width {spec.Width} must be within 4..1024.");
        JudgeTraining("teacher.training", spec.Training, data.Task ?? ModelTask.Classification, problems);
    }

    private static void JudgeManners(TeacherSpec spec, DataSpec data, Problems problems)
    {
        var isGiven = spec.Onnx is not null || spec.TorchScript is not null;
        foreach (var (key, isSaid) in (ReadOnlySpan<(string, bool)>)[
            ("ensemble", spec.Ensemble is not null), ("input", spec.Input is not null), ("classes", spec.Classes is not null),
            ("answers", spec.Answers is not null),
        ])
        {
            problems.Require(!isSaid || isGiven, $"teacher.{key} is for a teacher that is given (teacher.onnx or teacher.torchScript).");
            problems.Require(!isSaid || data.Task is not ModelTask.Detection,
                $"teacher.{key} is not for data.task 'detection'; data.detection says how boxes are read.");
        }
        problems.Require(spec.Ensemble is null || (spec.Ensemble.Count is >= 1 and < MaximumEnsemble
                && spec.Ensemble.All(path => path is { Length: > 0 })),
            $"teacher.ensemble must name 1 to {MaximumEnsemble - 1} files.");
        if (spec.Answers is { } answers) problems.OneOf("teacher.answers", answers, TeacherAnswers);
        problems.Require((spec.Answers is null && spec.Classes is null) || data.Task is not ModelTask.Regression,
            "teacher.answers and teacher.classes are for classes, and data.task is 'regression'.");
        problems.Require(spec.Classes is null || (spec.Classes.Count >= 2 && spec.Classes.Distinct().Count() == spec.Classes.Count),
            "teacher.classes must name at least two classes, each once.");
        if (spec.Input is not { } input) return;
        problems.Require(input.Scale is null || (double.IsFinite(input.Scale.Value) && input.Scale != 0),
            FormattableString.Invariant($"teacher.input.scale {input.Scale} must be a number other than 0."));
        problems.Require(input.Mean is null || (input.Mean.Count > 0 && input.Mean.All(double.IsFinite)),
            "teacher.input.mean must be one number, or one for each channel.");
        problems.Require(input.Deviation is null || (input.Deviation.Count > 0 && input.Deviation.All(number => number > 0)),
            "teacher.input.deviation must be one number above 0, or one for each channel.");
        problems.Require(input.Shape is null || (input.Shape.Count > 0 && input.Shape.All(extent => extent > 0)),
            "teacher.input.shape must hold positive extents.");
        problems.Require(data.Kind != "text", "teacher.input is for measured values; texts are given as numbers of tokens.");
    }

    private static void JudgeMembers(BuildSpec spec, Problems problems)
    {
        if (spec.Teacher is not { Members: { } members } teacher) return;
        problems.Require(members is >= 1 and <= MaximumEnsemble, $"teacher.members {members} must be within 1..{MaximumEnsemble}.");
        problems.Require(teacher.TrainedFamily is not null,
            "teacher.members is for a teacher that is trained here; name the files of several in teacher.ensemble.");
        problems.Require(members == 1 || HasMean(spec),
            $"teacher.members {members}: of several only the mean of their answers is known. Boxes and scores of anomalies have none, "
                + "losses with pairs look inside one, and quantizationAware.method 'qkd' trains one; leave it out.");
    }

    // A student as a teacher answers, and shows nothing of its inside under a teacher's names.
    private static void JudgeTurns(BuildSpec spec, Problems problems)
    {
        var (assistant, generations) = (spec.Teacher?.Assistant, spec.Distillation.Generations);
        problems.Require(generations is null or (>= 1 and <= MaximumGenerations),
            $"distillation.generations {generations} must be within 1..{MaximumGenerations}.");
        problems.Require(assistant is null or { IsAuto: true } or { Value: >= 4 and <= 1024 },
            $"teacher.assistant {assistant} must be a width within 4..1024 or 'auto'.");
        foreach (var (key, isAsked) in (ReadOnlySpan<(string, bool)>)[
            ("teacher.assistant", assistant is not null), ("distillation.generations", generations > 1),
        ])
        {
            if (!isAsked) continue;
            problems.Require(spec.Teacher is not { IsNone: true },
                $"{key} needs a teacher, and teacher is none; leave it out, or give a teacher.");
            problems.Require(HasMean(spec),
                $"{key}: a student teaches by its answers alone. Losses with pairs look inside a teacher, boxes and scores of anomalies "
                    + "are not compared so, and quantizationAware.method 'qkd' trains the teacher; leave it out.");
        }
    }

    /// <summary>True where several teachers can be asked as one: by the mean of what they answer.</summary>
    public static bool HasMean(BuildSpec spec) => spec.Data?.Task is not (ModelTask.Detection or ModelTask.Anomaly)
        && spec.Distillation.Losses.All(loss => loss.Pairs.Count == 0) && spec.QuantizationAware is not { Method: "qkd" };

    // What needs somebody to ask.
    private static void JudgeNoTeacher(BuildSpec spec, Problems problems)
    {
        if (spec.Teacher is not { IsNone: true }) return;
        foreach (var (key, isAsked) in (ReadOnlySpan<(string, bool)>)[
            ("distillation.losses", spec.Distillation.Losses.Count > 0),
            ("data.unlabelled", spec.Data is { Unlabelled: not null, Task: not ModelTask.Anomaly }),
            ("gate.belowTeacher", spec.Gate.BelowTeacher is not null),
            ("quantizationAware.method " + spec.QuantizationAware?.Method, spec.QuantizationAware is { Method: not "qat" }),
        ])
            problems.Require(!isAsked, $"{key} needs a teacher, and teacher is none; leave it out, or give a teacher.");
    }
}
