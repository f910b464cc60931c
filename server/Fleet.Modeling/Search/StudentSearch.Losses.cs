using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Evaluation;

namespace Fleet.Modeling.Search;

/// <summary>The part that tries what the student learns from: other losses against its teacher, or the labels alone.</summary>
internal sealed partial class StudentSearch
{
    /// <summary>How often the steps of these trials are halved: a teacher that has hardly learned says nothing of one that has.</summary>
    private const int Halvings = 2;

    /// <summary>Samples that a given teacher is asked about, to tell how long it takes.</summary>
    private const int AskedSamples = 32;

    /// <summary>True where the spec leaves open how a teacher is learned from, and there are answers to compare.</summary>
    private bool AreLossesOpen => !spec.Teacher!.IsNone && Lesson.IsOpen(spec.Distillation)
        && data is { Unlabelled: null, IsTeachers: false, Training.Labels: ClassLabels or ValueLabels or LabelSets };

    /// <summary>True where nobody need teach: no file was given, and nothing asks for what a teacher says or for others.</summary>
    public static bool MayTeachNobody(BuildSpec spec) => spec.Teacher is { Family: StudentSpec.Auto, Assistant: null }
        && spec.Gate.BelowTeacher is null && spec.Distillation is { Generations: null or 1, CompareWithLabels: not true }
        && spec.QuantizationAware is null or { Method: "qat" };

    /// <summary>The student with the lesson that held-out samples tell better beyond chance, or with the usual one.</summary>
    private (Candidate Chosen, BuildSpec Found) WithLesson(
        Candidate chosen, BuildSpec found, PartTeachers teachers, Progress progress, CancellationToken cancellationToken)
    {
        var view = _data.Of(chosen.Student.Family);
        if (found.Teacher!.IsNone && !spec.Teacher!.IsNone)
            _notes.Add("Nobody teaches the student: it is linear, and knows all that it can from the labels.");
        if (!AreLossesOpen || found.Teacher.IsNone) return (chosen, found);
        var parts = view.Parts;
        (Candidate, BuildSpec) Untried(string why)
        {
            _notes.Add($"What the student learns from was not tried: {why}.");
            return (chosen, found);
        }
        if (found.Teacher.TrainedFamily is { } family && _data.Of(family) != view)
            return Untried($"a teacher of family {family} takes samples of another shape than the student");
        var (most, units) = (Folds.Most(view.Data.Training), view.Data.Training.Origins is null ? "training samples" : "groups of samples");
        if (most < parts.Trainings)
            return Untried($"it takes {parts.Trainings} {units} to hold some out that a teacher has not seen, and there are {most}");
        var lessons = Lesson.For(found.Distillation, view.Data);
        Candidate[] field = [
            .. lessons.Take(1).Select(Learning), .. MayTeachNobody(spec) ? [chosen] : Array.Empty<Candidate>(),
            .. lessons.Skip(1).Select(Learning),
        ];
        Candidate Learning(Lesson lesson) => chosen with { Lesson = lesson };
        // Kept once found: a file that was given is timed, and timed again could lead to another lesson than the student began with.
        if (memory.Finished<LessonTime>("lessons") is not { } time)
        {
            var (steps, repetitions, count) = TimeFor(chosen, found, field.Length, teachers, view, cancellationToken) ?? (0, 0, 0);
            memory.Finish("lessons", time = new LessonTime(steps, repetitions, count));
        }
        if (time.Count == 0) return Untried("student.minutes leaves no time for a teacher of each part");
        var judged = field.Take(time.Count).Select((candidate, place) =>
        {
            Enter(candidate);
            void Tell(double share, string reached) => progress.Report((place + share) / time.Count,
                $"{_trials[candidate.Key].Name} learning from {candidate.Lesson?.Name ?? "the labels alone"}{reached}");
            var result = Tried(candidate, _rounds, time.Steps, time.Repetitions, teachers, Tell, cancellationToken);
            return (Candidate: candidate, Result: result);
        }).ToArray();
        var best = SearchRules.Surest(judged, parts.Judged.Origins);
        return (best, best.Lesson is { Spec: var lesson }
            ? found with { Distillation = lesson }
            : found with
            {
                Teacher = found.Teacher with { Family = TeacherSpec.None, Members = null, Assistant = null },
                Distillation = found.Distillation with { Generations = null },
            });
    }

    /// <summary>Steps, cuts and lessons that there is time for; null where it is not even two in a quarter of the steps.</summary>
    private (int Steps, int Repetitions, int Count)? TimeFor(Candidate chosen, BuildSpec found, int count, PartTeachers teachers,
        FamilyData.View view, CancellationToken cancellationToken)
    {
        var (parts, teacher) = (view.Parts, found.Teacher!);
        var course = Course.Of(chosen.Training, parts.TrainingSamples);
        var perEpoch = course.StepsOfEpoch(parts.TrainingSamples);
        var full = course.Epochs * perEpoch;
        var own = SecondsPerStep(chosen, course.BatchSize);
        // A pass forward of a sample, and all steps of a teacher that is trained.
        double ofAnswer, ofTeacher = 0;
        if (teacher.TrainedFamily is null)
        {
            var given = teachers.Of(0, view.Data.Training, 1, cancellationToken);
            var asked = view.Data.Training.Take(AskedSamples);
            var began = CpuClock.Now(everyThread: true);
            given.Outputs(asked, cancellationToken);
            ofAnswer = CpuClock.Between(began, CpuClock.Now(everyThread: true)).TotalSeconds / asked.Count;
        }
        else
        {
            var schooling = Course.Of(teacher.Training, parts.TrainingSamples);
            var times = (double)Taught(teacher)!.Value.Plan.MultiplyAdds() / Math.Max(1, chosen.Cost.MultiplyAdds);
            ofAnswer = own * times * AnswerShare / course.BatchSize;
            ofTeacher = own * times * schooling.Epochs * schooling.StepsOfEpoch(parts.TrainingSamples);
        }
        double Seconds(int steps, int repetitions, int lessons)
        {
            var epochs = Math.Max(1, steps / perEpoch);
            var views = chosen.Training.IsVaried() ? Math.Min(epochs, course.Views(found.Distillation, parts.TrainingSamples)) : 1;
            return repetitions * parts.Trainings * (ofTeacher * steps / full
                + ofAnswer * views * Math.Min(parts.TrainingSamples, steps * course.BatchSize) + lessons * steps * own);
        }
        var left = (_seconds - _spent) / _behind;
        if (parts.CanRepeat && Seconds(full, FinalRepetitions, count) <= left) return (full, FinalRepetitions, count);
        return SearchSchedule.Lessons((steps, lessons) => Seconds(steps, 1, lessons), full, Halvings, count, left) is { } within
            ? (within.Steps, 1, within.Count) : null;
    }

    /// <param name="Steps">Of each training.</param>
    /// <param name="Repetitions">How often the samples are cut anew.</param>
    /// <param name="Count">Lessons that are tried, the first ones; 0 where there is no time for two.</param>
    private sealed record LessonTime(int Steps, int Repetitions, int Count);
}
