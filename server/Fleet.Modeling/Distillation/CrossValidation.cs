using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Distillation;

/// <summary>
/// Finds out how long teacher and student are to be trained where there are too few samples to hold some out for it: both are trained once
/// without each fold of the training samples, and the epoch is taken that did best on what was left out, on average. What is finished of a
/// fold is kept.
/// </summary>
/// <param name="spec">What to build; its width is known.</param>
/// <param name="data">The samples; those that test are not looked at.</param>
/// <param name="normalization">First step of the networks, of all training samples.</param>
/// <param name="memory">Keeps what is finished.</param>
internal sealed class CrossValidation(BuildSpec spec, DataSet data, Normalization normalization, BuildMemory memory)
{
    /// <summary>What is closer than rounding is equal.</summary>
    private const double Rounding = 1e-9;

    /// <summary>Shares of a training's progress, as a build counts them.</summary>
    private const double TeacherDone = 0.45, Done = 0.66;

    /// <param name="sink">Told which fold is trained and what it reached.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    /// <exception cref="BuildException">There are more folds than can be cut.</exception>
    public CrossValidationReport Run(IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var count = spec.Data!.Folds!.Value;
        if (Folds.Most(data.Training) is var most && most < count)
            throw new BuildException(
                $"data.folds {count} is more than the {most} {(data.Training.Origins is null ? "training samples" : "groups of samples")} "
                    + "that there are to learn from; lower it.");
        var parts = Folds.Of(data.Training, count, spec.Seed);
        var trained = Fixed(spec);
        var curves = new List<Curves>();
        foreach (var (number, (training, held)) in parts.Index())
        {
            var part = data with
            {
                Training = data.Training.Pick(training),
                Validation = data.Training.Pick(held),
                // An export is checked on samples, and these are at hand.
                Test = data.Training.Pick(held),
            };
            var progress = new OfFold(
                new PartOf(sink, (double)number / parts.Count, (number + 1.0) / parts.Count), $"Fold {number + 1} of {parts.Count}");
            curves.Add(OfPart(trained, part, memory.Part($"fold-{number + 1}"), progress, cancellationToken));
        }
        FoldsReport[] networks = [
            .. curves[0].Teacher.Count == 0 ? [] : new[] { Chosen("teacher", [.. curves.Select(fold => fold.Teacher)]) },
            Chosen("student", [.. curves.Select(fold => fold.Student)]),
        ];
        return new CrossValidationReport { Folds = parts.Count, Networks = networks };
    }

    /// <summary>The spec with the epochs that were found.</summary>
    public static BuildSpec With(BuildSpec spec, CrossValidationReport found)
    {
        TrainingSpec Stopped(TrainingSpec training, string network)
            => found.Networks.FirstOrDefault(one => one.Network == network) is { } known
                ? training with { StopAfter = known.StopAfter } : training;
        return spec with
        {
            Teacher = spec.Teacher! with { Training = Stopped(spec.Teacher.Training, "teacher") },
            Distillation = spec.Distillation with { Training = Stopped(spec.Distillation.Training, "student") },
        };
    }

    /// <summary>The epoch that did best on average over folds, an equal later one before, as when an epoch is chosen.</summary>
    /// <param name="network">Whose.</param>
    /// <param name="folds">The epochs of each fold, as many in each.</param>
    public static FoldsReport Chosen(string network, IReadOnlyList<IReadOnlyList<EpochReport>> folds)
    {
        var (best, most) = (0, double.NegativeInfinity);
        for (var epoch = 0; epoch < folds[0].Count; epoch++)
        {
            var mean = folds.Average(fold => fold[epoch].Reached().Goodness());
            if (mean < most - Rounding) continue;
            (best, most) = (epoch, Math.Max(mean, most));
        }
        MetricValue[] reached = [.. folds.Select(fold => fold[best].Reached())];
        var average = reached.Average(one => one.Value);
        return new FoldsReport
        {
            Network = network,
            StopAfter = best + 1,
            Epochs = folds[0].Count,
            HeldOut = reached[0] with { Value = average },
            Deviation = Math.Sqrt(reached.Sum(one => (one.Value - average) * (one.Value - average)) / Math.Max(1, reached.Length - 1)),
            OfFolds = reached,
        };
    }

    // As many epochs in batches as large as on all samples: an epoch here is one there.
    private BuildSpec Fixed(BuildSpec asked)
    {
        TrainingSpec Of(TrainingSpec training, int samples)
        {
            var (epochs, batch) = Course.Of(training, samples);
            return training with { Epochs = epochs, BatchSize = batch };
        }
        return asked with
        {
            Teacher = asked.Teacher! with { Training = Of(asked.Teacher.Training, data.Training.Count) },
            Distillation = asked.Distillation with
            {
                Training = Of(asked.Distillation.Training, data.Training.Count + (data.Unlabelled?.Count ?? 0)),
            },
        };
    }

    private Curves OfPart(BuildSpec trained, DataSet part, BuildMemory kept, OfFold progress, CancellationToken cancellationToken)
    {
        if (kept.Finished<Curves>("curves") is { } finished) return finished;
        IReadOnlyList<EpochReport> taught = [];
        var path = Path.Combine(kept.Folder, "teacher.onnx");
        var teacher = trained.Teacher!;
        if (teacher.TrainedFamily is not null)
            // Left as its last epoch does: one that was chosen by what is held out would tell the student of it.
            taught = Teacher.Train(teacher, part, normalization, path,
                new TrainingPhase("teacher", teacher.Training, trained.Seed, Checkpoint: kept.Training("teacher")) { Chooses = false },
                new Progress(progress, "training the teacher", 0, TeacherDone), cancellationToken);
        using var model = teacher.IsNone ? null
            : teacher.TrainedFamily is null ? Teacher.Open(teacher, part, part.Columns) : Teacher.OpenTrained(path, part);
        var learned = StudentTraining.Judged(trained, model, part, normalization, kept, progress, cancellationToken);
        var curves = new Curves(taught, learned);
        kept.Finish("curves", curves);
        return curves;
    }

    /// <summary>What each epoch reached on a fold that was held out; no teacher where none was trained.</summary>
    private sealed record Curves(IReadOnlyList<EpochReport> Teacher, IReadOnlyList<EpochReport> Student);

    // The trainings of a fold are told as those of the build are, with the fold in front.
    private sealed class OfFold(IProgress<BuildProgress> sink, string name) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => sink.Report(
            new BuildProgress($"{name}, {char.ToLowerInvariant(value.Step[0])}{value.Step[1..]}", Math.Min(1, value.Fraction / Done)));
    }
}
