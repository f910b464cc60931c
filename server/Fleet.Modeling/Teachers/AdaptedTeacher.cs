using Fleet.Contracts.Tasks;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// One teacher or several with manners of their own: samples become what they take, and their answers the logits of the data's classes. Of
/// several, the logit of the mean probability is the answer, or the mean of the values.
/// </summary>
internal sealed class AdaptedTeacher : ITeacherModel
{
    /// <summary>What a probability is at least: float32 has none between this and 0 that a softmax gives on purpose.</summary>
    private const float Least = 1e-9f;

    private readonly IReadOnlyList<(ITeacherModel Model, InputForm Form)> _members;
    private readonly int[]? _columns;
    private readonly bool _areProbabilities;
    private readonly ModelTask _task;

    /// <param name="members">Who is asked, and in which form. They belong to this teacher from now on.</param>
    /// <param name="columns">Columns of an answer that are the data's classes, in their order; null: all as they are.</param>
    /// <param name="areProbabilities">Answers come from behind a softmax, or a sigmoid where a sample has several labels.</param>
    /// <param name="task">What answers are.</param>
    public AdaptedTeacher(
        IReadOnlyList<(ITeacherModel Model, InputForm Form)> members, int[]? columns, bool areProbabilities, ModelTask task)
    {
        (_members, _columns, _areProbabilities, _task) = (members, columns, areProbabilities, task);
        Manners = string.Join("; ", new[]
        {
            members.Count > 1 ? $"mean of {members.Count}" : "", members[0].Form.Text(), areProbabilities ? "probabilities" : "",
            columns is null ? "" : $"its classes {string.Join(", ", columns)}",
        }.Where(part => part.Length > 0));
    }

    /// <inheritdoc/>
    public string Path => _members[0].Model.Path;

    /// <inheritdoc/>
    public IReadOnlyList<string> Files => [.. _members.Select(member => member.Model.Path)];

    /// <inheritdoc/>
    public string Manners { get; }

    /// <inheritdoc/>
    public int Columns => _columns?.Length ?? _members[0].Model.Columns;

    /// <inheritdoc/>
    public long Parameters => _members.Sum(member => member.Model.Parameters);

    /// <inheritdoc/>
    public IReadOnlyList<Feature> Show(IReadOnlyList<string> names) => names.Count == 0 || _members.Count == 1
        ? [.. _members.Select(member => member.Model.Show(names)).ToList()[0]]
        : throw new BuildException(
            $"distillation.losses compares '{names[0]}' of {Path}, and teacher.ensemble has no inside of its own: compare answers, or give "
                + "one teacher.");

    /// <inheritdoc/>
    public void Answer(Memory<float> inputs, int count, Span<float> rows)
    {
        var width = rows.Length / count;
        rows.Clear();
        foreach (var (model, form) in _members)
        {
            var length = inputs.Length / count;
            var taken = form.IsPlain ? inputs : new float[count * form.Length];
            if (!form.IsPlain)
            {
                for (var i = 0; i < count; i++)
                    form.Write(inputs.Span.Slice(i * length, length), taken.Span.Slice(i * form.Length, form.Length));
            }
            var own = new float[count * (model.Columns + width - Columns)];
            model.Answer(taken, count, own);
            for (var i = 0; i < count; i++) Add(own.AsSpan(i * own.Length / count, own.Length / count), rows.Slice(i * width, width));
        }
        if (_members.Count > 1) Average(rows, width);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (model, _) in _members) model.Dispose();
    }

    // One member's answer is written as it is; of several, probabilities and values are summed.
    private void Add(Span<float> own, Span<float> row)
    {
        var columns = _members[0].Model.Columns;
        own[columns..].CopyTo(row[Columns..]);
        // Before columns are picked: what a teacher gives to classes that the data does not have is no reason to be surer of others.
        if (_members.Count > 1 && !_areProbabilities) ToProbabilities(own[..columns]);
        for (var column = 0; column < Columns; column++)
        {
            var value = own[_columns?[column] ?? column];
            row[column] += _members.Count == 1 && _areProbabilities ? Logit(value) : value;
        }
    }

    private void Average(Span<float> rows, int width)
    {
        for (var at = 0; at < rows.Length; at++)
        {
            if (at % width >= Columns) continue;
            var mean = rows[at] / _members.Count;
            rows[at] = Logit(mean);
        }
    }

    private void ToProbabilities(Span<float> row)
    {
        if (_task == ModelTask.Classification) Softmax(row);
        if (_task != ModelTask.MultiLabel) return;
        foreach (ref var value in row) value = 1 / (1 + MathF.Exp(-value));
    }

    // Logits of classes may all be moved alike; that of a label is measured from one half.
    private float Logit(float probability) => _task switch
    {
        ModelTask.Classification => MathF.Log(Math.Max(probability, Least)),
        ModelTask.MultiLabel => MathF.Log(Math.Max(probability, Least) / Math.Max(1 - probability, Least)),
        _ => probability,
    };

    private static void Softmax(Span<float> row)
    {
        var (most, sum) = (float.NegativeInfinity, 0f);
        foreach (var value in row) most = Math.Max(most, value);
        foreach (ref var value in row) sum += value = MathF.Exp(value - most);
        foreach (ref var value in row) value /= sum;
    }
}
