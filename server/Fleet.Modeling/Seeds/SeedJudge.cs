using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Seeds;

/// <summary>
/// Ends a build whose teacher or student is not told to be better than one answer for everything. Where several seeds were asked for, each
/// with test samples of its own, all of them tell: what the first seed's samples are too few for may be told by all, and what these show by
/// luck is not believed where the seeds together show nothing.
/// </summary>
/// <param name="spec">What is built.</param>
/// <param name="others">What the other seeds reached; none where there is one.</param>
internal sealed class SeedJudge(BuildSpec spec, IReadOnlyList<SeedFigures> others)
{
    private readonly bool _tellsByAll = others.Count > 0 && spec.Data!.CutsTest;
    private readonly List<string> _findings = [];
    private SeedsFigure? _gain;

    /// <summary>True where other seeds would have other test samples, and none were asked for.</summary>
    public bool MayRepeat => others.Count == 0 && spec.Data!.CutsTest;

    /// <summary>What a reader must know of how networks were judged.</summary>
    public IReadOnlyList<string> Findings => _findings;

    /// <exception cref="BuildException">No network could be told by so few test samples.</exception>
    public void RequireEnough(SeedTraining trained, CancellationToken cancellationToken)
    {
        if (!_tellsByAll) trained.Table?.RequireEnough(trained.Simple[0], cancellationToken);
    }

    /// <exception cref="BuildException">The teacher is of no use.</exception>
    public void RequireTeacher(SeedTraining trained, CancellationToken cancellationToken) => Require(trained, "The teacher", trained.Taught,
        "Train it longer or wider (teacher.training.epochs, teacher.width), look whether labels belong to their samples, or give "
            + "one that knows these classes in this order.",
        seed => seed.Report.Teacher, seed => seed.TeacherError, cancellationToken);

    /// <exception cref="BuildException">The student is of no use.</exception>
    public void RequireStudent(SeedTraining trained, CancellationToken cancellationToken)
        => _gain = Require(trained, "The student", trained.Learned,
            "Train it longer or wider (distillation.training.epochs, student.width).",
            seed => seed.Report.Student, seed => seed.StudentError, cancellationToken);

    /// <summary>
    /// Why a variant is of no use, or null: judged as the student was. Where the seeds together had to tell of that one, a variant has of
    /// their gain what it did not lose for sure.
    /// </summary>
    public string? ObjectionTo(SeedTraining trained, float[] outputs, CancellationToken cancellationToken)
    {
        var why = trained.Table!.Uselessness(trained.Simple[0], "It", outputs, cancellationToken);
        if (why is null || _gain is null) return why;
        return SeedRules.Keeps(_gain, OwnGain(trained, trained.Figure(outputs)),
            trained.Table.MostLost(trained.Learned, outputs, cancellationToken)) ? null : why;
    }

    /// <returns>The gain by all seeds where these had to tell; null where the first seed's own samples do.</returns>
    private SeedsFigure? Require(
        SeedTraining trained, string network, float[] outputs, string remedy, Func<SeedFigures, MetricValue?> figureOf,
        Func<SeedFigures, double?> errorOf, CancellationToken cancellationToken)
    {
        if (trained.Table is not { } table) return null;
        var constant = trained.Simple[0];
        var why = table.Uselessness(constant, network, outputs, cancellationToken);
        var own = OwnGain(trained, trained.Figure(outputs));
        var gain = !_tellsByAll ? null : SeedRules.GainByAll(
            own, table.GainError(constant, outputs, cancellationToken), others, figureOf, errorOf);
        if (gain is null) return why is null ? null : throw new BuildException($"{why} {remedy}");
        var verdict = SeedRules.Judge(why is null, own, gain);
        if (verdict == SeedVerdict.Alone) return null;
        var told = SeedRules.Told(gain, others.Count(seed => figureOf(seed) is not null) + 1);
        if (verdict == SeedVerdict.Together)
        {
            _findings.Add($"{network} of seed {spec.Seed} is not told by its own {trained.Decided.Data.Test.Count} test samples to be "
                + $"better than {constant.Description}; {told}.");
            return gain;
        }
        why ??= $"{network} shows by luck what the seeds together do not.";
        var alone = gain.Interval.Low > 0 ? $"The one of seed {spec.Seed}, which would be released, is not. " : "";
        throw new BuildException($"{why} Against {constant.Description}: {told}. {alone}{remedy}");
    }

    private static MetricValue OwnGain(SeedTraining trained, MetricValue own)
        => SeedRules.Gain(trained.Figure(trained.Simple[0].Outputs), own);
}
