using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// A teacher's answers in place of labels that nobody gave: the class that it decides for, or the numbers that it predicts. What learns
/// from such labels is chosen by how far it agrees with the teacher on samples that were held out.
/// </summary>
internal static class TeacherLabels
{
    /// <summary>Samples with the teacher's answers for labels.</summary>
    public static SampleSet Labelled(SampleSet samples, ITeacherModel teacher, ModelTask task, CancellationToken cancellationToken)
    {
        var outputs = teacher.Outputs(samples, cancellationToken);
        var columns = teacher.Columns;
        return samples with
        {
            Labels = task switch
            {
                ModelTask.Regression => new ValueLabels(outputs, columns),
                ModelTask.MultiLabel => new LabelSets([.. outputs.Select(logit => LabelSetScore.IsGiven(logit) ? 1f : 0f)], columns),
                _ => new ClassLabels([
                    .. Enumerable.Range(0, samples.Count)
                        .Select(sample => (long)ClassificationScore.Decide(outputs.AsSpan(sample * columns, columns))),
                ]),
            },
        };
    }

    /// <summary>
    /// What a student learns from and is chosen by: the labelled samples, and those without labels with the teacher's answers. The share of
    /// these is held out that is held out of those.
    /// </summary>
    /// <param name="data">As it was read.</param>
    /// <param name="teacher">Who is asked.</param>
    /// <param name="share">Share that is held out.</param>
    /// <param name="seed">Draws it.</param>
    /// <param name="cancellationToken">Honoured between batches.</param>
    public static (SampleSet Training, SampleSet Validation) Meal(
        DataSet data, ITeacherModel teacher, double share, int seed, CancellationToken cancellationToken)
    {
        if (data.Unlabelled is not { } unlabelled) return (data.Training, data.Validation);
        var (kept, held) = Splits.Cut(
            Labelled(unlabelled, teacher, data.Task, cancellationToken), data.Validation.Count == 0 ? 0 : share, new Random(seed));
        return (data.Training.Join(kept), data.Validation.Join(held));
    }

    /// <summary>Data of which nothing to learn from has labels, with a teacher's answers in their place.</summary>
    /// <param name="data">As it was read.</param>
    /// <param name="spec">The teacher, a file.</param>
    /// <param name="cancellationToken">Honoured between batches.</param>
    /// <exception cref="BuildException">The teacher cannot be asked, or answers everything alike.</exception>
    public static DataSet Fill(DataSet data, TeacherSpec spec, CancellationToken cancellationToken)
    {
        var isNamed = data.Task is ModelTask.Classification or ModelTask.MultiLabel && data.Classes.Count > 0;
        using var teacher = Teacher.Open(spec, data, isNamed ? data.Columns : null);
        SampleSet Answered(SampleSet part)
            => part.Labels is NoLabels ? Labelled(part, teacher, data.Task, cancellationToken) : part;
        var (training, validation, test) = (Answered(data.Training), Answered(data.Validation), Answered(data.Test));
        var classes = data.Classes;
        if (data.Task is ModelTask.Classification or ModelTask.MultiLabel)
        {
            if (classes.Count == 0)
                classes = spec.Classes is { } named && named.Count == teacher.Columns ? named
                    : [.. Enumerable.Range(0, teacher.Columns).Select(number => number.ToString(CultureInfo.InvariantCulture))];
            if (classes.Count < 2)
                throw new BuildException(
                    $"Teacher {teacher.Path} answers with one number, which is no class: set data.task to 'regression' when it is a number "
                        + "to predict.");
            if (training.Labels is ClassLabels && training.ClassNumbers.Distinct().Count() < 2)
                throw new BuildException(
                    $"Teacher {teacher.Path} decides for '{classes[(int)training.ClassNumbers[0]]}' on all {training.Count} training "
                        + "samples, of which nothing can be learned: give samples of other classes, or look whether they are as it takes "
                        + "them (range, layout).");
            if (training.Labels is LabelSets sets
                && Enumerable.Range(1, sets.Count - 1).All(sample => sets.Row(sample).SequenceEqual(sets.Row(0))))
                throw new BuildException(
                    $"Teacher {teacher.Path} gives the same labels to all {training.Count} training samples, of which nothing can be "
                        + "learned: give other samples, or look whether they are as it takes them (range, layout).");
        }
        return data with
        {
            Training = training,
            Validation = validation,
            Test = test,
            Classes = classes,
            IsTeachers = true,
            Notes = [
                .. data.Notes,
                data.Test.Labels is NoLabels
                    ? "No sample has a label: the teacher's answers stand in for them, so that every figure says how far a network agrees "
                        + "with the teacher, not how often it is right. Labelled samples in data.test would tell that."
                    : "Training samples have no labels: the teacher's answers stand in for them, and epochs are chosen by how far the "
                        + "student agrees with it. The test samples have labels of their own, which figures are told by.",
            ],
        };
    }
}
