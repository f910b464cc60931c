using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>What a build spec must hold to, judged before anything is queued. What needs the data itself is judged by the worker.</summary>
/// <remarks>Each section of a spec has its rules in a file of its own; a problem begins with the key it is about.</remarks>
public static partial class BuildSpecRules
{
    /// <summary>Every rule <paramref name="spec"/> breaks, with the key, the value and what is allowed.</summary>
    public static IReadOnlyList<string> ProblemsOf(BuildSpec spec)
    {
        var problems = new Problems();
        problems.Require(Names.IsName(spec.Model), $"model '{spec.Model}' must be {Names.Rule}.");
        JudgeSource(spec, problems);
        problems.Require(spec.Seeds is null or (>= 2 and <= 20), $"seeds {spec.Seeds} must be within 2..20; leave it out for one.");
        problems.Require(spec.Seeds is null || (spec.Source is null && spec.Data?.Task is not ModelTask.Detection),
            "seeds trains networks several times, which a given model needs not, and is for other tasks than detection: leave it out.");
        problems.Require(spec.Seeds is not { } seeds || spec.Student?.Minutes is not { } minutes || minutes >= seeds,
            $"student.minutes {spec.Student?.Minutes} is divided by seeds {spec.Seeds}, and no seed is searched and trained in less than "
                + $"one: give at least {spec.Seeds}, or fewer seeds.");
        if (spec.Data is { } data)
        {
            JudgeData(data, problems);
            if (spec.Teacher is { } teacher) JudgeTeacher(teacher, data, spec.Student, problems);
            problems.Require(!data.IsUnlabelled || spec.Teacher is not { TrainedFamily: not null },
                "data.train is not given, and without labels there is nothing to train a teacher on: name a file in teacher.onnx or "
                    + "teacher.torchScript, or give labelled samples.");
            problems.Require(!data.IsUnlabelled || spec.Student?.IsSearched != true || data.Task is ModelTask.Anomaly,
                "student.family auto compares students by labels, and data.train is not given: name a family, or give labelled samples.");
            if (spec.Student is { } student)
            {
                JudgeStudent(student, data, problems);
                JudgeDevice(student, spec.Quantization, problems);
            }
            JudgeAnomaly(spec, problems);
            JudgeStops(spec, data, problems);
            var isPatient = spec.Teacher?.Training.Patience > 0 || spec.Distillation.Training.Patience > 0;
            problems.Require(!isPatient || data.ValidationShare > 0 || data.Text?.ValidationSplits is not null,
                "training.patience waits for a better epoch on validation samples, and data.validationShare 0 holds none out.");
        }
        JudgeDistillation(spec.Distillation, spec.Data?.Task ?? ModelTask.Classification, problems);
        JudgeQuantization(spec.Quantization, problems);
        if (spec.QuantizationAware is { } trained) JudgeQuantizationAware(trained, spec, problems);
        JudgeGate(spec.Gate, problems);
        JudgeRelativeGate(spec, problems);
        JudgeNoTeacher(spec, problems);
        JudgeMembers(spec, problems);
        JudgeTurns(spec, problems);
        return problems.All;
    }

    /// <summary>Every rule that the data of a spec breaks.</summary>
    public static IReadOnlyList<string> ProblemsOf(DataSpec spec)
    {
        var problems = new Problems();
        JudgeData(spec, problems);
        return problems.All;
    }

    /// <summary>Collects what is wrong, so that all of it is told at once.</summary>
    private sealed class Problems
    {
        private readonly List<string> _all = [];

        public IReadOnlyList<string> All => _all;

        public void Require(bool holds, string problem)
        {
            if (!holds) _all.Add(problem);
        }

        public void OneOf(string key, string value, IReadOnlyList<string> known)
            => Require(known.Contains(value), $"{key} '{value}' is not known; it is one of {string.Join(", ", known)}.");
    }
}
