using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling.Teachers;

/// <summary>How a teacher's outputs become the row of numbers that a student is compared with.</summary>
internal abstract class AnswerReading
{
    /// <summary>Numbers of one answer.</summary>
    public abstract int Columns { get; }

    /// <summary>The outputs it is made of.</summary>
    /// <param name="path">The teacher, for messages.</param>
    /// <param name="session">Has them.</param>
    /// <exception cref="BuildException">One is missing.</exception>
    public abstract IReadOnlyList<string> OutputsOf(string path, InferenceSession session);

    /// <summary>Refuses outputs of another form.</summary>
    /// <param name="path">The teacher, for messages.</param>
    /// <param name="outputs">Names.</param>
    /// <param name="shapes">Their shapes for one sample; null where an output does not hold floats.</param>
    /// <exception cref="BuildException">They cannot be read; the message names the output.</exception>
    public abstract void Check(string path, IReadOnlyList<string> outputs, IReadOnlyList<long[]?> shapes);

    /// <summary>Writes the answer for one sample.</summary>
    /// <param name="outputs">Values of all samples of a run.</param>
    /// <param name="sample">Which of them.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="row"><see cref="Columns"/> numbers.</param>
    public abstract void Write(IReadOnlyList<OrtValue> outputs, int sample, int count, Span<float> row);

    /// <summary>A shape for people.</summary>
    protected static string Text(long[]? shape)
        => shape is null ? "another type than 32-bit floats" : $"shape ({string.Join(", ", shape)})";
}

/// <summary>The first output as it is: logits, or values.</summary>
/// <param name="columns">Numbers of one answer; null: as many as there are.</param>
internal sealed class FirstOutput(int? columns) : AnswerReading
{
    private int _columns = columns ?? 0;

    /// <inheritdoc/>
    public override int Columns => _columns;

    /// <inheritdoc/>
    public override IReadOnlyList<string> OutputsOf(string path, InferenceSession session) => [session.OutputNames[0]];

    /// <inheritdoc/>
    public override void Check(string path, IReadOnlyList<string> outputs, IReadOnlyList<long[]?> shapes)
    {
        var found = shapes[0]?.Aggregate(1L, (product, extent) => product * extent);
        if (columns is null && found is >= 1 and <= int.MaxValue) _columns = (int)found;
        if (found != _columns)
            throw new BuildException(
                $"Teacher {path} answers one sample with '{outputs[0]}' of {Text(shapes[0])}; its first output "
                    + $"must be {(columns is null ? "" : $"{columns} ")}numbers, one for each class of the data or for each value to "
                    + "predict.");
    }

    /// <inheritdoc/>
    public override void Write(IReadOnlyList<OrtValue> outputs, int sample, int count, Span<float> row)
        => outputs[0].GetTensorDataAsSpan<float>().Slice(sample * _columns, _columns).CopyTo(row);
}

/// <summary>
/// The boxes of a detector, whatever its own grid or anchors are: read as they are read on a device, then laid out over the student's grid.
/// </summary>
/// <param name="form">How boxes are made of its outputs.</param>
/// <param name="grid">The student's grid.</param>
internal sealed class BoxOutputs(DetectionForm form, DetectionGrid grid) : AnswerReading
{
    /// <summary>A student learns from each box once, so overlapping ones go even where a spec leaves that to the reader.</summary>
    public DetectionForm Form { get; } = form.MaximumOverlap is null ? form with { MaximumOverlap = 0.5 } : form;

    /// <inheritdoc/>
    public override int Columns => grid.Width;

    /// <inheritdoc/>
    public override IReadOnlyList<string> OutputsOf(string path, InferenceSession session)
    {
        string[] needed = Form.Labels is { } labels ? [Form.Boxes, Form.Scores, labels] : [Form.Boxes, Form.Scores];
        return Array.Find(needed, name => !session.OutputNames.Contains(name)) is { } missing
            ? throw new BuildException($"Teacher {path} has no output '{missing}' to make boxes of; it has "
                + $"{string.Join(", ", session.OutputNames)}. data.detection names the outputs of the teacher.")
            : needed;
    }

    /// <inheritdoc/>
    public override void Check(string path, IReadOnlyList<string> outputs, IReadOnlyList<long[]?> shapes)
    {
        if (shapes[0] is not [1, var boxes, 4])
            throw new BuildException($"Teacher {path} answers one sample with '{outputs[0]}' of {Text(shapes[0])}; boxes have the shape "
                + "(1, boxes, 4).");
        if (shapes[1] is not [1, var scored, ..] || shapes[1]!.Length > 3 || scored != boxes)
            throw new BuildException($"Teacher {path} answers one sample with '{outputs[1]}' of {Text(shapes[1])}; scores of {boxes} boxes "
                + $"have the shape (1, {boxes}) or (1, {boxes}, classes).");
    }

    /// <inheritdoc/>
    public override void Write(IReadOnlyList<OrtValue> outputs, int sample, int count, Span<float> row)
    {
        var found = DetectionReader.Read(Form, Part<float>(outputs[0], sample, count), Part<float>(outputs[1], sample, count),
            Form.Labels is null ? [] : Labels(outputs[2], sample, count));
        // What the teacher is unsure of takes cells away from what it knows: decisions/0095 has the figures. A class that the data does not
        // name is not the student's.
        grid.Write(found.Where(box => box.Score >= Form.ConfidentScore && box.Class >= 0 && box.Class < grid.Classes), row);
    }

    private static ReadOnlySpan<T> Part<T>(OrtValue output, int sample, int count) where T : unmanaged
    {
        var values = output.GetTensorDataAsSpan<T>();
        return values.Slice(sample * (values.Length / count), values.Length / count);
    }

    private static ReadOnlySpan<long> Labels(OrtValue output, int sample, int count)
        => output.GetTensorTypeAndShape().ElementDataType switch
        {
            TensorElementType.Int64 => Part<long>(output, sample, count),
            TensorElementType.Int32 => Array.ConvertAll(Part<int>(output, sample, count).ToArray(), label => (long)label),
            _ => Array.ConvertAll(Part<float>(output, sample, count).ToArray(), label => (long)Math.Round(label)),
        };
}
