using System.Runtime.InteropServices;
using Fleet.Agent.Inference;
using Fleet.Contracts;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Validation;

/// <summary>The part that turns the arrays of the file into tensors and labels.</summary>
internal sealed partial class ValidationSamples
{
    private static SampleTruth TruthOf(ModelTask task, IReadOnlyDictionary<string, NpyArray> arrays, int count)
    {
        try
        {
            return SampleTruth.Read(task, arrays, count);
        }
        catch (FormatException e)
        {
            throw new ModelRefusedException($"The validation set cannot be judged by: {e.Message}", e);
        }
    }

    private static IReadOnlyDictionary<string, NpyArray> Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return NpzArchive.Read(file, Limits.ArtifactBytes);
        }
        catch (FormatException e)
        {
            throw new ModelRefusedException($"The validation set cannot be read: {e.Message}", e);
        }
    }

    private static NpyArray Convert(NpyArray array, OnnxTensor input) => (array.Type, input.Element) switch
    {
        ("f4", TensorElementType.Float) or ("f8", TensorElementType.Double) or ("f2", TensorElementType.Float16) => array,
        ("i1", TensorElementType.Int8) or ("i2", TensorElementType.Int16) => array,
        ("i4", TensorElementType.Int32) or ("i8", TensorElementType.Int64) => array,
        ("u1", TensorElementType.UInt8) or ("u2", TensorElementType.UInt16) => array,
        ("u4", TensorElementType.UInt32) or ("u8", TensorElementType.UInt64) => array,
        ("b1" or "u1", TensorElementType.Bool) => array,
        (_, TensorElementType.Float) => new NpyArray("f4", array.Shape, Bytes(array.ToSingles())),
        (_, TensorElementType.Float16) => new NpyArray("f2", array.Shape, Bytes(Array.ConvertAll(array.ToSingles(), value => (Half)value))),
        (['i' or 'u', ..], TensorElementType.Int64) => new NpyArray("i8", array.Shape, Bytes(array.ToInt64s())),
        _ => throw new ModelRefusedException(
            $"The validation set holds '{input.Name}' as {array.Type}, which cannot be converted to the model's {input.Datatype}."),
    };

    private static byte[] Bytes<T>(T[] values)
        where T : struct
        => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
