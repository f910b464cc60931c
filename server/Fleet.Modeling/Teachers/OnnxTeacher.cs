using System.Globalization;
using Fleet.Modeling.Data;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// A teacher as an ONNX file whose first output is the logits. A teacher that was trained here is exported first and comes
/// the same way: one path, and the runtime infers a few times faster than the trainer would.
/// </summary>
internal sealed class OnnxTeacher : IDisposable
{
    private const int BatchSize = 64;

    private readonly InferenceSession _session;
    private readonly string _input;
    private readonly string _output;
    private readonly bool _batched;
    private readonly bool _tokens;

    /// <param name="path">The file.</param>
    /// <param name="sampleShape">Shape of one sample it must take.</param>
    /// <param name="classes">Classes it must tell apart.</param>
    /// <param name="tokens">Samples are numbers of tokens.</param>
    /// <exception cref="BuildException">It cannot be run, takes another input, or answers in another shape.</exception>
    public OnnxTeacher(string path, IReadOnlyList<int> sampleShape, int classes, bool tokens = false)
    {
        _tokens = tokens;
        Path = path;
        Classes = classes;
        var model = Read(path);
        Parameters = model.Graph.Initializer.Where(tensor => tensor.DataType is (int)TensorProto.Types.DataType.Float or (int)TensorProto.Types.DataType.Float16)
            .Sum(tensor => tensor.Dims.Aggregate(1L, (product, extent) => product * extent));
        _session = Open(path, model);
        try
        {
            (_input, _batched) = CheckInput(sampleShape);
            _output = _session.OutputNames[0];
            CheckOutput(sampleShape);
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Columns of its logits.</summary>
    public int Classes { get; }

    /// <summary>Floating-point weights in the file.</summary>
    public long Parameters { get; }

    /// <summary>Writes one sample as the teacher shall see it.</summary>
    public delegate void SampleWriter(ReadOnlySpan<float> sample, int index, Span<float> destination);

    /// <summary>Logits of every sample, row by row.</summary>
    public float[] Logits(SampleSet samples, CancellationToken cancellationToken, SampleWriter? write = null)
    {
        write ??= static (sample, _, destination) => sample.CopyTo(destination);
        var logits = new float[samples.Count * Classes];
        var batchSize = _batched ? BatchSize : 1;
        var inputs = new float[batchSize * samples.SampleLength];
        for (var start = 0; start < samples.Count; start += batchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Math.Min(batchSize, samples.Count - start);
            for (var i = 0; i < count; i++) write(samples.Sample(start + i), start + i, inputs.AsSpan(i * samples.SampleLength, samples.SampleLength));
            Run(SampleFeeds.Value(inputs.AsMemory(0, count * samples.SampleLength), samples.SampleShape, _tokens), logits.AsSpan(start * Classes, count * Classes));
        }
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private void Run(OrtValue inputs, Span<float> logits)
    {
        using var input = inputs;
        using var options = new RunOptions();
        using var outputs = _session.Run(options, [_input], [input], [_output]);
        outputs[0].GetTensorDataAsSpan<float>().CopyTo(logits);
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
            string[] custom = [.. model.Graph.Node.Where(node => !node.IsStandard() && node.Domain is not ("ai.onnx.ml" or Opsets.Microsoft)).Select(node => $"{node.Domain}::{node.OpType}").Distinct()];
            throw new BuildException(custom.Length > 0
                ? $"Teacher {path} uses operators that ONNX Runtime does not have: {string.Join(", ", custom)}. Export it with standard ONNX operators only."
                : $"Teacher {path}: {e.Message}", e);
        }
    }

    private (string Name, bool Batched) CheckInput(IReadOnlyList<int> sampleShape)
    {
        if (_session.InputMetadata.Count != 1)
            throw new BuildException($"Teacher {Path} has {_session.InputMetadata.Count} inputs ({string.Join(", ", _session.InputNames)}); it must have one, the samples.");
        var (name, metadata) = _session.InputMetadata.First();
        var wanted = _tokens ? TensorElementType.Int64 : TensorElementType.Float;
        if (metadata.ElementDataType != wanted)
            throw new BuildException($"Teacher {Path} takes {metadata.ElementDataType} at its input '{name}'; it must take {(_tokens ? "64-bit integers, the numbers of tokens" : "32-bit floats")}.");
        var extents = metadata.Dimensions;
        var fits = extents.Length == sampleShape.Count + 1 && extents[0] is < 0 or 1 && extents.Skip(1).Zip(sampleShape).All(axis => axis.First < 0 || axis.First == axis.Second);
        if (fits) return (name, extents[0] < 0);
        var takes = string.Join(", ", extents.Select(extent => extent < 0 ? "any" : extent.ToString(CultureInfo.InvariantCulture)));
        throw new BuildException($"Teacher {Path} takes '{name}' of shape ({takes}); the data has samples of ({string.Join(", ", sampleShape)}), which come behind a batch axis of any size or 1. Set data.sampleShape or export the teacher for this data.");
    }

    // Asked with one sample rather than read from the file: the declared shape may be absent or free.
    private void CheckOutput(IReadOnlyList<int> sampleShape)
    {
        using var options = new RunOptions();
        try
        {
            using var input = SampleFeeds.Value(new float[sampleShape.Aggregate(1, (product, extent) => product * extent)], sampleShape, _tokens);
            using var outputs = _session.Run(options, [_input], [input], [_output]);
            var type = outputs[0].GetTensorTypeAndShape();
            if (type.ElementDataType != TensorElementType.Float || type.ElementCount != Classes)
                throw new BuildException($"Teacher {Path} answers one sample with '{_output}' of shape ({string.Join(", ", type.Shape)}) and type {type.ElementDataType}; its first output must be {Classes} logits, one for each class of the data.");
        }
        catch (OnnxRuntimeException e)
        {
            throw new BuildException($"Teacher {Path} cannot run one sample: {e.Message}", e);
        }
    }
}
