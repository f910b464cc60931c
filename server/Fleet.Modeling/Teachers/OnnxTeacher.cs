using System.Globalization;
using Fleet.Modeling.Students;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// A teacher as an ONNX file whose first output is its answer. A teacher that was trained here is exported first and comes
/// the same way: one path, and the runtime infers a few times faster than the trainer would.
/// </summary>
internal sealed class OnnxTeacher : ITeacherModel
{
    private readonly IReadOnlyList<int> _sampleShape;
    private readonly string _input;
    private readonly bool _batched;
    private readonly bool _tokens;
    private InferenceSession _session;
    private IReadOnlyList<string> _outputs;
    private int[] _widths;

    /// <param name="path">The file.</param>
    /// <param name="sampleShape">Shape of one sample it must take.</param>
    /// <param name="columns">Numbers it must answer a sample with.</param>
    /// <param name="tokens">Samples are numbers of tokens.</param>
    /// <exception cref="BuildException">It cannot be run, takes another input, or answers in another shape.</exception>
    public OnnxTeacher(string path, IReadOnlyList<int> sampleShape, int columns, bool tokens = false)
    {
        _tokens = tokens;
        Path = path;
        Columns = columns;
        (_sampleShape, _widths) = (sampleShape, [columns]);
        var model = Read(path);
        Parameters = model.Graph.Initializer.Where(
            tensor => tensor.DataType is (int)TensorProto.Types.DataType.Float or (int)TensorProto.Types.DataType.Float16)
            .Sum(tensor => tensor.Dims.Aggregate(1L, (product, extent) => product * extent));
        _session = Open(path, model);
        try
        {
            (_input, _batched) = CheckInput(sampleShape);
            _outputs = [_session.OutputNames[0]];
            CheckOutput();
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public int Columns { get; }

    /// <inheritdoc/>
    public long Parameters { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Feature> Show(IReadOnlyList<string> names)
    {
        if (names.Count == 0)
        {
            (_outputs, _widths) = ([_outputs[0]], [Columns]);
            return [];
        }
        var model = Read(Path);
        var values = names.Select(name => OnnxFeatures.ValueOf(model, name)
            ?? throw new BuildException($"Teacher {Path} has no feature '{name}'; it has {OnnxFeatures.Listed(model)}.")).ToList();
        OnnxFeatures.AddOutputs(model, values);
        var session = OnnxRuntimeSession.Open(model.ToByteArray(), Path);
        _session.Dispose();
        (_session, _outputs) = (session, [_outputs[0], .. values]);
        var shapes = RunOne();
        var features = names.Select((name, i) => new Feature(name, OnnxFeatures.ShapeOf(model, name) ?? shapes[i + 1] switch
        {
            [1, .. var extents] when extents.Length > 0 => [.. extents.Select(extent => (int)extent)],
            { } odd => throw new BuildException(
                $"Teacher {Path} gives '{name}' of shape ({string.Join(", ", odd)}) for one sample; a feature has the samples first, then "
                    + "at least one axis."),
            null => throw new BuildException(
                $"Teacher {Path} gives '{name}' as something else than 32-bit floats; only those can be compared."),
        })).ToList();
        _widths = [Columns, .. features.Select(feature => feature.Shape.Aggregate(1, (product, extent) => product * extent))];
        return features;
    }

    /// <inheritdoc/>
    public void Answer(Memory<float> inputs, int count, Span<float> rows)
    {
        var (length, width) = (inputs.Length / count, _widths.Sum());
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
        var column = 0;
        for (var output = 0; output < _widths.Length; output++)
        {
            var values = outputs[output].GetTensorDataAsSpan<float>();
            var own = _widths[output];
            if (values.Length != count * own)
                throw new BuildException(
                    $"Teacher {Path} answers {count} samples with {values.Length} values of '{_outputs[output]}'; {own} for each were "
                        + "expected. Export it with a free batch axis all the way through, or for a batch of 1.");
            if (own == width) values.CopyTo(rows);
            else for (var i = 0; i < count; i++) values.Slice(i * own, own).CopyTo(rows[(i * width + column)..]);
            column += own;
        }
    }

    // Shapes of all outputs for one sample; null where an output is not a float tensor.
    private IReadOnlyList<long[]?> RunOne()
    {
        using var options = new RunOptions();
        var zeros = new float[_sampleShape.Aggregate(1, (product, extent) => product * extent)];
        try
        {
            using var input = SampleFeeds.Value(zeros, _sampleShape, _tokens);
            using var outputs = _session.Run(options, [_input], [input], _outputs);
            return [
                .. outputs.Select(output =>
                    output.IsTensor && output.GetTensorTypeAndShape() is { ElementDataType: TensorElementType.Float } type
                        ? type.Shape
                        : null),
            ];
        }
        catch (OnnxRuntimeException e)
        {
            throw new BuildException($"Teacher {Path} cannot run one sample: {e.Message}", e);
        }
    }

    private static ModelProto Read(string path)
    {
        try
        {
            return OnnxFile.Load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new BuildException($"Teacher {path} cannot be read: {e.Message}", e);
        }
    }

    private static InferenceSession Open(string path, ModelProto model)
    {
        try
        {
            return OnnxRuntimeSession.Open(path);
        }
        catch (InvalidDataException e)
        {
            // Operators outside the standard sets are what the runtime most often lacks: they are named rather than guessed from its words.
            string[] custom = [
                .. model.Graph.Node.Where(node => !node.IsStandard() && node.Domain is not ("ai.onnx.ml" or Opsets.Microsoft))
                    .Select(node => $"{node.Domain}::{node.OpType}").Distinct(),
            ];
            throw new BuildException(custom.Length > 0
                ? $"Teacher {path} uses operators that ONNX Runtime does not have: {string.Join(", ", custom)}. Export it with standard "
                    + "ONNX operators only."
                : $"Teacher {path}: {e.Message}", e);
        }
    }

    private (string Name, bool Batched) CheckInput(IReadOnlyList<int> sampleShape)
    {
        if (_session.InputMetadata.Count != 1)
            throw new BuildException(
                $"Teacher {Path} has {_session.InputMetadata.Count} inputs ({string.Join(", ", _session.InputNames)}); it must have one, "
                    + "the samples.");
        var (name, metadata) = _session.InputMetadata.First();
        var wanted = _tokens ? TensorElementType.Int64 : TensorElementType.Float;
        if (metadata.ElementDataType != wanted)
            throw new BuildException(
                $"Teacher {Path} takes {metadata.ElementDataType} at its input '{name}'; it must take "
                    + $"{(_tokens ? "64-bit integers, the numbers of tokens" : "32-bit floats")}.");
        var extents = metadata.Dimensions;
        var fits = extents.Length == sampleShape.Count + 1 && extents[0] is < 0 or 1
            && extents.Skip(1).Zip(sampleShape).All(axis => axis.First < 0 || axis.First == axis.Second);
        if (fits) return (name, extents[0] < 0);
        var takes = string.Join(", ", extents.Select(extent => extent < 0 ? "any" : extent.ToString(CultureInfo.InvariantCulture)));
        throw new BuildException(
            $"Teacher {Path} takes '{name}' of shape ({takes}); the data has samples of ({string.Join(", ", sampleShape)}), which come "
                + "behind a batch axis of any size or 1. Set data.sampleShape or export the teacher for this data.");
    }

    // Asked with one sample rather than read from the file: the declared shape may be absent or free.
    private void CheckOutput()
    {
        var shape = RunOne()[0];
        if (shape is null || shape.Aggregate(1L, (product, extent) => product * extent) != Columns)
            throw new BuildException(
                $"Teacher {Path} answers one sample with '{_outputs[0]}' of "
                    + $"{(shape is null ? "another type than 32-bit floats" : $"shape ({string.Join(", ", shape)})")}; its first output "
                    + $"must be {Columns} numbers, one for each class of the data or for each value to predict.");
    }
}
