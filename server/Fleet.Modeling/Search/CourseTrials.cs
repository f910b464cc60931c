using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Search;

/// <summary>
/// Finds out whether networks of family <c>mlp</c> are to be trained longer than usual and with a larger learning rate. Some tables need
/// ten times the steps, others are learned by heart then, and neither size nor kind of the data says which: the student is trained on
/// parts of the training samples and judged on what was held out of them. Samples that test are not looked at.
/// </summary>
internal static class CourseTrials
{
    private const string Family = "mlp";

    /// <summary>By how much a longer course is steeper, where the spec has the usual learning rate.</summary>
    private const double Steeper = 3;

    /// <summary>Steps of a course that is still tried, and multiplications of all its passes forward: seconds on one core.</summary>
    private const long MostSteps = 16_000, MostMultiplications = (long)1e11;

    private static readonly int[] Longer = [3, 10];

    /// <summary>Tries what the spec leaves open; empty where nothing is.</summary>
    /// <param name="spec">What to build; its width is known.</param>
    /// <param name="plan">The student.</param>
    /// <param name="data">The samples.</param>
    /// <param name="normalization">First step of the student.</param>
    /// <param name="memory">Keeps each that is finished.</param>
    /// <param name="progress">Told what is tried.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    public static IReadOnlyList<CourseTrial> Run(
        BuildSpec spec, NetworkPlan plan, DataSet data, Normalization normalization, BuildMemory memory, Progress progress,
        CancellationToken cancellationToken)
    {
        var asked = spec.Distillation.Training;
        if (spec.Student!.Family != Family || !IsOpen(asked) || data.Unlabelled is not null) return [];
        if (data.Training.Labels is not (ClassLabels or ValueLabels or LabelSets)) return [];
        var parts = HeldOutParts.Of(data, spec.Seed);
        // Of one machine alone nothing can be held out.
        if (parts.Trainings > 1 && Folds.Most(data.Training) < parts.Trainings) return [];
        var course = Course.Of(asked, parts.TrainingSamples);
        var usual = (long)course.Epochs * course.StepsOfEpoch(parts.TrainingSamples);
        int[] lengths = [
            1, .. Longer.Where(length => length * usual <= MostSteps
                && length * usual * course.BatchSize * plan.MultiplyAdds() <= MostMultiplications),
        ];
        if (lengths.Length == 1 || data.Training.Count < 2 * parts.Trainings) return [];
        var results = new List<CandidateResult>();
        foreach (var length in lengths)
        {
            var name = $"course-{length}";
            if (memory.Finished<CandidateResult>(name) is not { } result)
            {
                progress.Report((double)results.Count / lengths.Length, length == 1 ? "as usual" : $"{length} times the steps");
                try
                {
                    result = new CandidateTrial(parts, normalization, plan, Of(asked, length, parts.TrainingSamples), spec.Seed).Run(
                        0, (int)(length * usual), 1, cancellationToken);
                }
                catch (BuildException) when (length > 1)
                {
                    // At a rate that nobody asked for it went astray: the usual course is the better one.
                    break;
                }
                memory.Finish(name, result);
            }
            results.Add(result);
            // What learns by heart already does so all the more when it goes on.
            if (PairedLosses.IsSurelyBetter(results[0].Losses, result.Losses)) break;
        }
        // The usual one stands unless another is better by more than chance would make it.
        var used = results.Where((one, index) => index == 0 || PairedLosses.IsSurelyBetter(one.Losses, results[0].Losses))
            .MinBy(one => one.Rung.Loss);
        return [
            .. results.Zip(lengths, (one, length) =>
            {
                var (difference, error) = PairedLosses.Compared(one.Losses, results[0].Losses);
                return new CourseTrial(
                    length, Rate(asked, length), one.Rung.Figure, one.Rung.Loss, difference, error, one == used);
            }),
        ];
    }

    /// <summary>The spec with the course that was found, for teacher and student alike.</summary>
    public static BuildSpec With(BuildSpec spec, DataSet data, IReadOnlyList<CourseTrial> trials)
        => trials.FirstOrDefault(trial => trial.Used) is { Length: > 1 and var length } ? Named(spec, data, length) : spec;

    /// <summary>The spec with a course of so many times the usual length named wherever a build of it would try others.</summary>
    public static BuildSpec Named(BuildSpec spec, DataSet data, int length)
    {
        if (spec.Student!.Family != Family) return spec;
        TrainingSpec Longer(TrainingSpec asked) => IsOpen(asked) ? Of(asked, length, data.Training.Count) : asked;
        return spec with
        {
            Teacher = spec.Teacher!.TrainedFamily == Family
                ? spec.Teacher with { Training = Longer(spec.Teacher.Training) } : spec.Teacher,
            Distillation = spec.Distillation with { Training = Longer(spec.Distillation.Training) },
        };
    }

    private static bool IsOpen(TrainingSpec asked)
        => asked is { Epochs: null, StopAfter: null } && asked.LearningRate == new TrainingSpec().LearningRate;

    private static TrainingSpec Of(TrainingSpec asked, int length, int samples) => asked with
    {
        Epochs = length * Course.Of(asked, samples).Epochs,
        LearningRate = Rate(asked, length),
    };

    private static double Rate(TrainingSpec asked, int length) => asked.LearningRate * (length == 1 ? 1 : Steeper);
}
