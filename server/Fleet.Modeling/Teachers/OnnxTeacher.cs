using Fleet.Contracts.Tasks;
using Fleet.Modeling.Students;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// A teacher as an ONNX file. A teacher that was trained here is exported first and comes
/// the same way: one path, and the runtime infers a few times faster than the trainer would.
/// </summary>
internal sealed partial class OnnxTeacher : ITeacherModel
{
    private readonly IReadOnlyList<int> _sampleShape;
    private readonly string _input;
    private readonly bool _batched;
    private readonly bool _tokens;
    private readonly AnswerReading _answer;
    private readonly IReadOnlyList<string> _answers;
    private InferenceSession _session;
    private IReadOnlyList<string> _outputs;
    private int[] _widths = [];

    /// <param name="path">The file.</param>
    /// <param name="sampleShape">Shape of one sample it must take.</param>
    /// <param name="columns">Numbers it must answer a sample with, in its first output.</param>
    /// <param name="tokens">Samples are numbers of tokens.</param>
    /// <exception cref="BuildException">It cannot be run, takes another input, or answers in another shape.</exception>
    public OnnxTeacher(string path, IReadOnlyList<int> sampleShape, int columns, bool tokens = false)
        : this(path, sampleShape, new FirstOutput(columns), tokens)
    {
    }

    /// <param name="path">The file.</param>
    /// <param name="sampleShape">Shape of one sample it must take.</param>
    /// <param name="answer">How its outputs are read.</param>
    /// <param name="tokens">Samples are numbers of tokens.</param>
    /// <exception cref="BuildException">It cannot be run, takes another input, or answers in another shape.</exception>
    public OnnxTeacher(string path, IReadOnlyList<int> sampleShape, AnswerReading answer, bool tokens = false)
    {
        _tokens = tokens;
        Path = path;
        (_sampleShape, _answer) = (sampleShape, answer);
        var model = Read(path);
        Parameters = model.Graph.Initializer.Where(
            tensor => tensor.DataType is (int)TensorProto.Types.DataType.Float or (int)TensorProto.Types.DataType.Float16)
            .Sum(tensor => tensor.Dims.Aggregate(1L, (product, extent) => product * extent));
        _session = Open(path, model);
        try
        {
            (_input, _batched) = CheckInput(sampleShape);
            _outputs = _answers = answer.OutputsOf(path, _session);
            var shapes = RunOne();
            answer.Check(path, _answers, [.. shapes.Select(shape => shape.Floats ? shape.Extents : null)]);
            _widths = [.. shapes.Select(shape => (int)shape.Extents.Aggregate(1L, (product, extent) => product * extent))];
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <summary>How boxes are made of its outputs; null of one that is not a detector.</summary>
    public DetectionForm? Form => (_answer as BoxOutputs)?.Form;

    /// <inheritdoc/>
    public int Columns => _answer.Columns;

    /// <inheritdoc/>
    public long Parameters { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Feature> Show(IReadOnlyList<string> names)
    {
        if (names.Count == 0)
        {
            (_outputs, _widths) = (_answers, _widths[.._answers.Count]);
            return [];
        }
        var model = Read(Path);
        var values = names.Select(name => OnnxFeatures.ValueOf(model, name)
            ?? throw new BuildException($"Teacher {Path} has no feature '{name}'; it has {OnnxFeatures.Listed(model)}.")).ToList();
        OnnxFeatures.AddOutputs(model, values);
        var session = OnnxRuntimeSession.Open(model, Path);
        _session.Dispose();
        (_session, _outputs) = (session, [.. _answers, .. values]);
        var shapes = RunOne();
        var features = names.Zip(shapes.Skip(_answers.Count))
            .Select(shown => new Feature(shown.First, OnnxFeatures.ShapeOf(model, shown.First) ?? ShapeOf(shown.First, shown.Second)))
            .ToList();
        _widths = [
            .. _widths[.._answers.Count], .. features.Select(feature => feature.Shape.Aggregate(1, (product, extent) => product * extent)),
        ];
        return features;
    }

    private int[] ShapeOf(string feature, (long[] Extents, bool Floats) shown) => shown switch
    {
        ([1, .. var extents], true) when extents.Length > 0 => [.. extents.Select(extent => (int)extent)],
        (var odd, true) => throw new BuildException(
            $"Teacher {Path} gives '{feature}' of shape ({string.Join(", ", odd)}) for one sample; a feature has the samples first, then "
                + "at least one axis."),
        _ => throw new BuildException(
            $"Teacher {Path} gives '{feature}' as something else than 32-bit floats; only those can be compared."),
    };

    /// <inheritdoc/>
    public void Answer(Memory<float> inputs, int count, Span<float> rows)
    {
        var (length, width) = (inputs.Length / count, Columns + _widths.Skip(_answers.Count).Sum());
        var step = _batched ? count : 1;
        for (var start = 0; start < count; start += step)
            Run(inputs.Slice(start * length, step * length), step, rows.Slice(start * width, step * width), width);
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private void Run(Memory<float> inputs, int count, Span<float> rows, int width)
    {
        using var options = new RunOptions();
        using var input = SampleFeeds.Value(inputs, _sampleShape, _tokens);
        using var outputs = _session.Run(options, [_input], [input], _outputs);
        foreach (var (name, own, output) in _outputs.Zip(_widths, outputs))
        {
            if (output.GetTensorTypeAndShape().ElementCount != count * own)
                throw new BuildException(
                    $"Teacher {Path} answers {count} samples with {output.GetTensorTypeAndShape().ElementCount} values of '{name}'; {own} "
                        + "for each were expected. Export it with a free batch axis all the way through, or for a batch of 1.");
        }
        for (var i = 0; i < count; i++) _answer.Write([.. outputs], i, count, rows.Slice(i * width, Columns));
        var column = Columns;
        foreach (var (own, output) in _widths.Zip(outputs).Skip(_answers.Count))
        {
            var values = output.GetTensorDataAsSpan<float>();
            for (var i = 0; i < count; i++) values.Slice(i * own, own).CopyTo(rows[(i * width + column)..]);
            column += own;
        }
    }
}
