using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;

namespace Fleet.Modeling.Distillation;

/// <summary>
/// Distils the student of a build, through an assistant and over generations where the spec asks for them: each that was taught teaches the
/// next. The first is kept unless validation samples say beyond chance that another is better. Each lies in a part of the memory, and is
/// not trained again.
/// </summary>
/// <param name="spec">What to build, with nothing left open.</param>
/// <param name="data">The samples.</param>
/// <param name="normalization">First step of the networks.</param>
/// <param name="memory">Keeps what is finished.</param>
internal sealed class Generations(BuildSpec spec, DataSet data, Normalization normalization, BuildMemory memory)
{
    /// <summary>A teacher of fewer times the student's parameters has no gap that an assistant could stand in.</summary>
    private const double LeastGap = 4;

    /// <summary>Between the seeds of two: a student must not begin as its teacher did.</summary>
    private const int SeedsApart = 2_000;

    private readonly List<Turn> _turns = [];

    /// <summary>What a build is left with.</summary>
    /// <param name="Plan">The student as data.</param>
    /// <param name="Epochs">Its epochs.</param>
    /// <param name="Reports">Everybody who learned; empty where it was the student alone.</param>
    internal sealed record Result(NetworkPlan Plan, IReadOnlyList<EpochReport> Epochs, IReadOnlyList<GenerationReport> Reports);

    private sealed record Turn(
        GenerationReport Report, string Path, string Teaching, double[] Losses, NetworkPlan Plan, IReadOnlyList<EpochReport> Epochs);

    /// <summary>Trains.</summary>
    /// <param name="teacher">Who teaches at first; null for nobody.</param>
    /// <param name="parameters">Its parameters; of several, those of one in the mean.</param>
    /// <param name="path">Where the student is left.</param>
    /// <param name="sink">Told what is trained.</param>
    /// <param name="cancellationToken">Honoured at every step.</param>
    public Result Train(
        ITeacherModel? teacher, long parameters, string path, IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var (assistant, generations) = (teacher is null ? null : spec.Teacher!.Assistant, spec.Distillation.Generations ?? 1);
        var own = StudentTraining.PlanOf(spec, data).Parameters();
        if (assistant is { IsAuto: true } && (parameters < LeastGap * own || data.Validation.Count == 0)) assistant = null;
        if (teacher is null || (assistant is null && generations == 1))
        {
            var (plan, epochs) = StudentTraining.Train(
                spec, teacher, data, normalization, path, null, memory, sink, cancellationToken);
            return new Result(plan, epochs, []);
        }
        var count = generations + (assistant is null ? 0 : assistant.Value.IsAuto ? 2 : 1);
        Turn Next(string name, ITeacherModel from, string by, int width)
        {
            var turn = Taught(name, from, by, width, new OfTurn(sink, name, _turns.Count, count), cancellationToken);
            _turns.Add(turn);
            return turn;
        }
        Turn NextBy(Turn taught, string name)
        {
            using var from = Teacher.OpenTrained(taught.Teaching, data);
            return Next(name, from, taught.Report.Name, spec.Student!.Width.Value);
        }
        // With 'auto' the teacher teaches a student without an assistant as well, who stands unless the other is better beyond chance.
        Turn? best = assistant is { IsAuto: false } ? null : Next("generation 1", teacher, "teacher", spec.Student!.Width.Value);
        if (assistant is { } width)
        {
            var middle = width.IsAuto ? Middle(parameters, own) : width.Value;
            var helped = NextBy(Next(GenerationReport.Assistant, teacher, "teacher", middle),
                width.IsAuto ? "generation 1, by the assistant" : "generation 1");
            best = best is null || IsSurelyBetter(helped, best) ? helped : best;
        }
        var last = best!;
        for (var number = 2; number <= generations; number++)
        {
            last = NextBy(last, FormattableString.Invariant($"generation {number}"));
            if (data.Validation.Count == 0 || IsSurelyBetter(last, best!)) best = last;
        }
        File.Copy(best!.Path, path, overwrite: true);
        return new Result(best.Plan, best.Epochs, [
            .. _turns.Select(turn => turn.Report with { Kept = turn == best }),
        ]);
    }

    private Turn Taught(
        string name, ITeacherModel teacher, string by, int width, IProgress<BuildProgress> sink, CancellationToken cancellationToken)
    {
        var part = memory.Part(name.Replace(' ', '-').Replace(",", "", StringComparison.Ordinal));
        string Of(string file) => Path.Combine(part.Folder, file);
        var asked = spec with
        {
            Student = spec.Student! with { Width = width },
            Seed = unchecked(spec.Seed + _turns.Count * SeedsApart),
        };
        var (plan, epochs) = StudentTraining.Train(
            asked, teacher, data, normalization, Of("student.onnx"), Of("teaching.onnx"), part, sink, cancellationToken);
        // What the teacher said of this one's samples may be gigabytes, and is not asked for again.
        if (Directory.Exists(Of(StudentTraining.AnswersFolder))) Directory.Delete(Of(StudentTraining.AnswersFolder), recursive: true);
        using var model = Teacher.OpenTrained(Of("teaching.onnx"), data);
        var heldOut = data.Validation;
        float[] answers = heldOut.Count > 0 ? model.Outputs(heldOut, cancellationToken) : [];
        double[] losses = heldOut.Count > 0 ? HeldOutLoss.Of(answers, heldOut, data.Training) : [];
        return new Turn(
            new GenerationReport(name, plan.Description, by, plan.Parameters(),
                data.Test.Labels.Score(model.Outputs(data.Test, cancellationToken))[0], Kept: false,
                heldOut.Count > 0 ? heldOut.Labels.Score(answers)[0] : null, heldOut.Count > 0 ? losses.Average() : null),
            Of("student.onnx"), Of("teaching.onnx"), losses, plan, epochs);
    }

    // Half way in the powers of parameters, which grow about as the square of the width.
    private int Middle(long teacher, long student)
    {
        var times = Math.Sqrt(Math.Sqrt((double)teacher / student));
        var step = spec.Student!.Family == "encoder" ? 16 : 1;
        return Math.Clamp((int)Math.Round(times * spec.Student.Width.Value / step) * step, 4, 1024);
    }

    private static bool IsSurelyBetter(Turn one, Turn other) => PairedLosses.IsSurelyBetter(one.Losses, other.Losses);

    // A build tells the share of one student that is distilled; each turn has its part of that.
    private sealed class OfTurn(IProgress<BuildProgress> sink, string name, int number, int count) : IProgress<BuildProgress>
    {
        private const double From = 0.45, To = 0.7;

        public void Report(BuildProgress value) => sink.Report(new BuildProgress(
            $"{char.ToUpperInvariant(name[0])}{name[1..]}, {char.ToLowerInvariant(value.Step[0])}{value.Step[1..]}",
            From + (number + Math.Clamp((value.Fraction - From) / (To - From), 0, 1)) * (To - From) / count));
    }
}
