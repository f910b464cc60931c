using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Search;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;

namespace Fleet.Modeling;

/// <summary>
/// What a spec leaves open, decided from the data before anything of the build is trained: what its labels are, the student where it is
/// searched for, its width, which variations of samples help, how long it is trained, and how many epochs folds ask for.
/// </summary>
/// <param name="Spec">The spec with nothing left open.</param>
/// <param name="Data">The samples.</param>
/// <param name="Normalization">Of their channels.</param>
/// <param name="Memory">What survives a restart.</param>
/// <param name="Progress">The part of the build's progress that is left.</param>
internal sealed record SpecDecisions(
    BuildSpec Spec, DataSet Data, Normalization Normalization, BuildMemory Memory, IProgress<BuildProgress> Progress)
{
    /// <summary>The search for a student; null where one is given.</summary>
    public SearchReport? Search { get; init; }

    /// <summary>The widths that were tried; null where one is given.</summary>
    public IReadOnlyList<WidthTrial>? Widths { get; init; }

    /// <summary>Variations of samples that were tried.</summary>
    public IReadOnlyList<AugmentationTrial> Augmentations { get; init; } = [];

    /// <summary>Lengths of training that were tried.</summary>
    public IReadOnlyList<CourseTrial> Courses { get; init; } = [];

    /// <summary>What the folds said; null without any.</summary>
    public CrossValidationReport? Folds { get; init; }

    /// <summary>The spec as it was given, with the task that its labels told.</summary>
    public required BuildSpec Asked { get; init; }

    /// <summary>Decides.</summary>
    /// <param name="spec">A spec whose kind of data is known and which breaks no rule.</param>
    /// <param name="profiles">Hardware that variants are for.</param>
    /// <param name="folder">The folder of the build.</param>
    /// <param name="room">Where samples are kept.</param>
    /// <param name="timer">Has a device time files; null where none can be asked.</param>
    /// <param name="progress">Told what is tried.</param>
    /// <param name="cancellationToken">Honoured at every training step and between runs of a model.</param>
    /// <exception cref="BuildException">The data does not go with the spec; the message is for the operator.</exception>
    public static SpecDecisions Make(BuildSpec spec, HardwareProfile[] profiles, string folder, SampleRoom room,
        DeviceTimer? timer, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        progress.Report(new BuildProgress("Reading the data", 0));
        var data = DataSets.Load(spec.Data!, Families.SampleRank(spec.Student!.Family, spec.Teacher!.TrainedFamily), spec.Seed, room);
        if (data.Task == ModelTask.MultiLabel)
        {
            // Found out by the labels: now it is known what holds.
            spec = spec with { Data = spec.Data! with { Task = data.Task } };
            if (BuildSpecRules.ProblemsOf(spec) is { Count: > 0 } other) throw new BuildException(string.Join(" ", other));
        }
        foreach (var note in data.Notes) progress.Report(new BuildProgress(note, 0.01));
        progress.Report(new BuildProgress($"Reading the data: {LabelSummary.Of(data)}", 0.01));
        if (data.Training.Labels is NoLabels)
        {
            data = TeacherLabels.Fill(data, spec.Teacher!, cancellationToken);
            progress.Report(new BuildProgress($"Asking the teacher: {LabelSummary.Of(data)}", 0.02));
        }
        VariationKinds.Require("distillation.training", spec.Distillation.Training, data.Training);
        if (spec.Teacher!.TrainedFamily is not null) VariationKinds.Require("teacher.training", spec.Teacher.Training, data.Training);
        var normalization = Normalization.Measure(data.Training);
        var memory = BuildMemory.Open(folder, spec, data);
        var asked = spec;
        SearchReport? search = null;
        if (spec.Student!.IsSearched)
        {
            search = new StudentSearch(spec, data, profiles, folder, memory, timer).Run(new PartOf(progress, 0.01, 0.5), cancellationToken);
            spec = search.Found;
            data = DataSets.Load(spec.Data!, Families.SampleRank(spec.Student!.Family, spec.Teacher!.TrainedFamily), spec.Seed, room);
            (normalization, progress) = (Normalization.Measure(data.Training), new PartOf(progress, 0.5, 1));
        }
        var widths = spec.Student.Width.IsAuto
            ? TryWidths(spec.Student, profiles, data, normalization, folder, memory, progress, cancellationToken)
            : null;
        if (widths is not null)
            spec = spec with { Student = spec.Student with { Width = widths.Where(trial => trial.Fits).Max(trial => trial.Width) } };

        var trials = TryAugmentations(spec, data, normalization, memory, progress, cancellationToken);
        spec = spec with
        {
            Teacher = spec.Teacher! with { Training = AugmentationTrials.With(spec.Teacher.Training, data.Training, trials) },
            Distillation = spec.Distillation with
            {
                Training = AugmentationTrials.With(spec.Distillation.Training, data.Training, trials),
            },
        };
        // Minutes that were asked for are spent: what is found is trained within them.
        var courses = asked.Student!.Minutes is not null ? [] : CourseTrials.Run(
            spec, StudentTraining.PlanOf(spec, data), data, normalization, memory,
            new Progress(progress, "Trying lengths of training", 0.03, 0.03), cancellationToken);
        spec = CourseTrials.With(spec, data, courses);
        // Folds ask one: three in each would cost three times as much, and how long a student is to be trained is not another question.
        var members = spec.Teacher!.Members ?? Teacher.Members(spec, data);
        CrossValidationReport? folds = null;
        if (spec.Data!.Folds is { } count)
        {
            folds = new CrossValidation(spec, data, normalization, memory).Run(
                new PartOf(progress, 0.03, 1 - 1.0 / count), cancellationToken);
            (spec, progress) = (CrossValidation.With(spec, folds), new PartOf(progress, 1 - 1.0 / count, 1));
            progress.Report(new BuildProgress($"Cross-validation: {string.Join("; ", folds.Networks)}", 0));
        }
        if (spec.Teacher!.TrainedFamily is not null) spec = spec with { Teacher = spec.Teacher with { Members = members } };
        return new SpecDecisions(spec, data, normalization, memory, progress)
        {
            Search = search,
            Widths = widths,
            Augmentations = trials,
            Courses = courses,
            Folds = folds,
            Asked = asked,
        };
    }

    private static IReadOnlyList<AugmentationTrial> TryAugmentations(
        BuildSpec spec, DataSet data, Normalization normalization, BuildMemory memory, IProgress<BuildProgress> progress,
        CancellationToken cancellationToken)
    {
        if (memory.Finished<IReadOnlyList<AugmentationTrial>>("augmentations") is { } known) return known;
        var asked = AugmentationTrials.IsOpen(spec.Distillation.Training, data.Training)
            ? spec.Distillation.Training : spec.Teacher!.Training;
        var tried = AugmentationTrials.Run(asked, StudentTraining.PlanOf(spec, data), data, normalization, spec.Seed,
            new Progress(progress, "Trying variations of samples", 0.02, 0.03), cancellationToken);
        memory.Finish("augmentations", tried);
        return tried;
    }

    // Kept once found: a latency measured again could lead elsewhere, and what was trained would be of another width.
    private static IReadOnlyList<WidthTrial> TryWidths(
        StudentSpec student, HardwareProfile[] profiles, DataSet data, Normalization normalization, string folder, BuildMemory memory,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        if (memory.Finished<IReadOnlyList<WidthTrial>>("widths") is { } known) return known;
        // A latency is measured here: the profile of this machine says in which form.
        var profile = profiles.FirstOrDefault(profile => profile.Matches(ThisMachine.Facts)) ?? profiles[0];
        var beyond = $"beyond the budget, of which {WidthSearch.Reserved(student.Budget!)} kept in reserve";
        void Tell(WidthTrial trial)
            => progress.Report(new BuildProgress(
                $"Searching the width: {WidthSearch.Text(trial)}, {(trial.Fits ? "within the budget" : beyond)}", 0.02));
        var found = WidthSearch.Find(student, profile, data, normalization, folder, Tell, cancellationToken);
        memory.Finish("widths", found);
        return found;
    }
}
