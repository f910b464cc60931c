using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Search;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Seeds;

/// <summary>What one seed reached, and how far its gain over one answer for everything may be off.</summary>
/// <param name="Report">Its figures.</param>
/// <param name="TeacherError">Standard error of the teacher's gain over its test samples; null without one, or too few.</param>
/// <param name="StudentError">The same of the student's.</param>
internal sealed record SeedFigures(SeedReport Report, double? TeacherError, double? StudentError)
{
    /// <summary>Of what was trained.</summary>
    /// <param name="trained">With one seed.</param>
    /// <param name="labelsAlone">What the student without its teacher answers; null for none.</param>
    /// <param name="cancellationToken">Stops between draws.</param>
    public static SeedFigures Of(SeedTraining trained, float[]? labelsAlone, CancellationToken cancellationToken)
    {
        var (data, constant) = (trained.Decided.Data, trained.Simple is [var first, ..] ? first : null);
        double? ErrorOf(float[] outputs) => constant is null || outputs.Length == 0
            ? null : trained.Table!.GainError(constant, outputs, cancellationToken);
        return new SeedFigures(
            new SeedReport(trained.Decided.Spec.Seed, trained.Student.Plan.Description, data.Training.Count, data.Test.Count,
                trained.Figure(trained.Learned))
            {
                Teacher = trained.Taught.Length > 0 ? trained.Figure(trained.Taught) : null,
                LabelsAlone = labelsAlone is null ? null : trained.Figure(labelsAlone),
                Constant = constant is null ? null : trained.Figure(constant.Outputs),
            }, ErrorOf(trained.Taught), ErrorOf(trained.Learned));
    }
}

/// <summary>
/// Trains with the seeds that follow that of a build, each as a build of that seed would up to its float student: what a spec leaves open
/// is decided anew, because samples that test here were learned from and chosen by there. Each has a folder, in which it goes on where it
/// was stopped, and its samples are let go of before the next one's are read.
/// </summary>
/// <param name="spec">What is built, with its seeds.</param>
/// <param name="profiles">Hardware that variants are for.</param>
/// <param name="folder">Where the folders lie.</param>
/// <param name="timer">Has a device time files; null where none can be asked.</param>
internal sealed class SeedTrials(BuildSpec spec, HardwareProfile[] profiles, string folder, DeviceTimer? timer)
{
    private const string Known = "seed";

    /// <summary>The spec of one of its seeds, which has its part of the minutes.</summary>
    public static BuildSpec Of(BuildSpec spec, int number) => spec.Seeds is not { } count ? spec : spec with
    {
        Seed = unchecked(spec.Seed + number),
        Seeds = null,
        Student = spec.Student! with { Minutes = spec.Student.Minutes / count },
    };

    /// <summary>What the search of one of its seeds found, to be built with as many seeds again.</summary>
    public static SearchReport? Found(BuildSpec spec, SearchReport? search)
        => search is null ? null : search with { Found = search.Found with { Seeds = spec.Seeds } };

    /// <summary>The figures of all seeds but the first; none where one was asked for.</summary>
    /// <param name="sink">Told which seed is trained.</param>
    /// <param name="cancellationToken">Honoured at every training step and between runs of a model.</param>
    public IReadOnlyList<SeedFigures> Run(IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var others = (spec.Seeds ?? 1) - 1;
        return [
            .. Enumerable.Range(1, others).Select(number => One(
                number, new OfSeed(new PartOf(sink, (number - 1.0) / others, (double)number / others), number, others + 1),
                cancellationToken)),
        ];
    }

    /// <summary>Removes what was kept to go on from.</summary>
    public void Forget()
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private SeedFigures One(int number, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var own = Path.Combine(folder, $"seed-{unchecked(spec.Seed + number)}");
        var (figures, memory) = Trained(number, own, progress, cancellationToken);
        // Of a seed with figures nothing is trained again, and answers are the most that it keeps.
        foreach (var answers in (string[])[Path.Combine(own, StudentTraining.AnswersFolder), PartTeachers.AnswersIn(memory)])
        {
            if (Directory.Exists(answers)) Directory.Delete(answers, recursive: true);
        }
        return figures;
    }

    private (SeedFigures Figures, BuildMemory Memory) Trained(
        int number, string own, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        using var room = SampleRoom.In(own);
        using var trained = SeedTraining.Begin(Of(spec, number), profiles, own, room, timer, progress, cancellationToken);
        var memory = trained.Decided.Memory;
        if (memory.Finished<SeedFigures>(Known) is { } known) return (known, memory);
        trained.Train(judge: null, cancellationToken);
        var figures = SeedFigures.Of(trained, trained.LabelsAlone(cancellationToken)?.Outputs, cancellationToken);
        memory.Finish(Known, figures);
        return (figures, memory);
    }

    private sealed class OfSeed(IProgress<BuildProgress> sink, int number, int count) : IProgress<BuildProgress>
    {
        /// <summary>Share of a build's progress after which nothing more is trained.</summary>
        private const double Trained = 0.85;

        public void Report(BuildProgress value) => sink.Report(new BuildProgress(
            $"Seed {number + 1} of {count}, {char.ToLowerInvariant(value.Step[0])}{value.Step[1..]}",
            Math.Min(1, value.Fraction / Trained)));
    }
}
