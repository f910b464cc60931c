using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Evaluation;

namespace Fleet.Modeling.Search;

/// <summary>The part that leaves time for what is trained behind a search.</summary>
internal sealed partial class StudentSearch
{
    /// <summary>Steps that are timed of each network.</summary>
    private const int TimedSteps = 8;

    /// <summary>A pass that only answers costs a third of one that learns.</summary>
    private const double AnswerShare = 1.0 / 3;

    /// <summary>The spec with trainings that hold the minutes; as it is where nobody named any.</summary>
    private BuildSpec Within(BuildSpec found, CancellationToken cancellationToken)
    {
        if (spec.Student!.Minutes is not { } minutes) return found;
        var view = _data.Of(found.Student!.Family);
        // A teacher that is trained for fewer epochs would be cheap enough for more of them.
        if (found.Teacher!.TrainedFamily is not null)
            found = found with { Teacher = found.Teacher with { Members = found.Teacher.Members ?? Teacher.Members(found, view.Data) } };
        var (distillation, teacher) = (found.Distillation, found.Teacher!);
        var samples = view.Data.Training.Count;
        var own = Course.Of(distillation.Training, samples);
        var paces = memory.Finished<Paces>("paces");
        if (paces is null)
        {
            var student = EpochSeconds(SearchSpace.Plan(found.Student, view.Data), distillation.Training, view, cancellationToken);
            var isTrained = teacher.TrainedFamily is not null;
            var taught = isTrained ? Taught(teacher) : null;
            paces = new Paces(student, taught is null ? 0 : teacher.Members!.Value
                * EpochSeconds(taught.Value.Plan, teacher.Training, taught.Value.View, cancellationToken));
            memory.Finish("paces", paces);
        }
        // Beside a teacher the student is trained a second time, on the labels alone; fine-tuning follows each.
        var times = !teacher.IsNone && distillation.CompareWithLabels != false ? 2 : 1;
        var lent = data.Unlabelled is { } more ? 1 + (double)more.Count / samples : 1;
        // Where each epoch asks about another view, as many are asked about as there are epochs.
        var views = distillation.Training.IsVaried() ? own.Views(distillation, (int)Math.Min(int.MaxValue, samples * lent)) : 1;
        var answers = teacher.IsNone ? 0 : paces.Teacher * AnswerShare * lent * views;
        var (once, anew) = views < own.Epochs ? (answers, 0.0) : (0.0, answers / own.Epochs);
        var tuning = times * distillation.FineTuneEpochs * paces.Student;
        if (spec.QuantizationAware is null && found.QuantizationAware is { } grid) tuning += grid.Epochs * GridCost * paces.Student;
        var available = FinalCourse.TrainingSeconds(60 * minutes, _spent) - tuning - once;
        var schooling = paces.Teacher > 0 ? Course.Of(teacher.Training, samples).Epochs : 0;
        var epochs = FinalCourse.Epochs(
            [(own.Epochs, times * lent * paces.Student + anew), (schooling, paces.Teacher)], Math.Max(0, available));
        // A build of the spec that was found, which names no minutes, would try longer courses.
        if (epochs[0] >= own.Epochs && (schooling == 0 || epochs[1] >= schooling)) return CourseTrials.Named(found, view.Data, 1);
        _notes.Add(FormattableString.Invariant(
            $"To hold {minutes:0.##} minutes the student is trained for {epochs[0]} of {own.Epochs} epochs")
            + (schooling > 0 ? FormattableString.Invariant($" and the teacher for {epochs[1]} of {schooling}") : "")
            + ": more minutes (student.minutes), or more epochs in the spec that was found, may give a better one.");
        return found with
        {
            Distillation = distillation with { Training = FinalCourse.Of(distillation.Training, epochs[0]) },
            Teacher = schooling > 0 ? teacher with { Training = FinalCourse.Of(teacher.Training, epochs[1]) } : teacher,
        };
    }

    private (NetworkPlan Plan, FamilyData.View View)? Taught(TeacherSpec teacher)
    {
        var view = _data.Of(teacher.Family!);
        var training = view.Data.Training;
        return (Families.Teacher(teacher.Family!, teacher.Width, training.SampleShape, Families.HeadFor(view.Data), teacher.Depth ?? 0,
            training.Vocabulary), view);
    }

    /// <summary>Processor time of an epoch, as a few steps of it and as large a part of the validation samples tell.</summary>
    private double EpochSeconds(NetworkPlan plan, TrainingSpec asked, FamilyData.View view, CancellationToken cancellationToken)
    {
        var training = view.Data.Training;
        var batch = Course.Of(asked, training.Count).BatchSize;
        var few = Splits.Subset(training, TimedSteps * batch, new Random(spec.Seed));
        var share = (double)few.Count / training.Count;
        using var network = new Network(plan, view.Normalization, spec.Seed);
        var phase = new TrainingPhase("pace", asked with { Epochs = 1, BatchSize = batch, Patience = 0, StopAfter = null }, spec.Seed);
        var began = CpuClock.Now(everyThread: true);
        TrainingLoop.Run(network, few, view.Data.Validation.Take((int)(share * view.Data.Validation.Count)), phase,
            Progress.Unheard, cancellationToken);
        return CpuClock.Between(began, CpuClock.Now(everyThread: true)).TotalSeconds / share;
    }

    /// <param name="Student">Seconds of an epoch of the student.</param>
    /// <param name="Teacher">The same of all teachers that are trained; 0 for none.</param>
    private sealed record Paces(double Student, double Teacher);
}
