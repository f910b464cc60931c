using System.Globalization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling.Teachers;

/// <summary>The part that opens a file and refuses what cannot teach.</summary>
internal sealed partial class OnnxTeacher
{
    // Asked with one sample rather than read from the file: declared shapes may be absent or free.
    private IReadOnlyList<(long[] Extents, bool Floats)> RunOne()
    {
        using var options = new RunOptions();
        var zeros = new float[_sampleShape.Aggregate(1, (product, extent) => product * extent)];
        try
        {
            using var input = SampleFeeds.Value(zeros, _sampleShape, _tokens);
            using var outputs = _session.Run(options, [_input], [input], _outputs);
            return [
                .. outputs.Select(output => output.IsTensor && output.GetTensorTypeAndShape() is var type
                    ? (type.Shape, type.ElementDataType == TensorElementType.Float)
                    : ([], false)),
            ];
        }
        catch (OnnxRuntimeException e)
        {
            throw new BuildException($"Teacher {Path} cannot run one sample: {e.Message}", e);
        }
    }

    /// <summary>
    /// Extents that a file declares for its one input behind the batch, negative where free; null where it declares none or has several.
    /// </summary>
    /// <exception cref="BuildException">It cannot be read.</exception>
    public static IReadOnlyList<int>? TakesOf(string path)
    {
        var graph = Read(path).Graph;
        var weights = graph.Initializer.Select(tensor => tensor.Name).ToHashSet();
        var inputs = graph.Input.Where(input => !weights.Contains(input.Name)).ToList();
        return inputs is [{ Type.TensorType.Shape: { } shape }] && shape.Dim.Count > 1
            ? [.. shape.Dim.Skip(1).Select(axis => axis.HasDimValue && axis.DimValue > 0 ? (int)axis.DimValue : -1)] : null;
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
}
