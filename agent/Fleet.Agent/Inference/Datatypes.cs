using System.Collections.Frozen;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>Element types: as the Open Inference Protocol names them, and as ONNX Runtime does.</summary>
internal static class Datatypes
{
    /// <summary>Strings; every other datatype is a number of fixed size.</summary>
    public const string Bytes = "BYTES";

    private static readonly FrozenDictionary<TensorElementType, (string Name, int Size)> ByElement
        = new Dictionary<TensorElementType, (string, int)>
        {
            [TensorElementType.Bool] = ("BOOL", 1),
            [TensorElementType.UInt8] = ("UINT8", 1),
            [TensorElementType.UInt16] = ("UINT16", 2),
            [TensorElementType.UInt32] = ("UINT32", 4),
            [TensorElementType.UInt64] = ("UINT64", 8),
            [TensorElementType.Int8] = ("INT8", 1),
            [TensorElementType.Int16] = ("INT16", 2),
            [TensorElementType.Int32] = ("INT32", 4),
            [TensorElementType.Int64] = ("INT64", 8),
            [TensorElementType.Float16] = ("FP16", 2),
            [TensorElementType.Float] = ("FP32", 4),
            [TensorElementType.Double] = ("FP64", 8),
            [TensorElementType.BFloat16] = ("BF16", 2),
            [TensorElementType.String] = (Bytes, 0),
        }.ToFrozenDictionary();

    /// <summary>The protocol's name; null for a type that it does not name.</summary>
    public static string? NameOf(TensorElementType element) => ByElement.TryGetValue(element, out var entry) ? entry.Name : null;

    /// <summary>Bytes of one element; 0 for strings.</summary>
    public static int SizeOf(TensorElementType element) => ByElement[element].Size;

    /// <summary>True for floats of any precision.</summary>
    public static bool IsFloat(TensorElementType element) => element
        is TensorElementType.Float or TensorElementType.Float16 or TensorElementType.BFloat16 or TensorElementType.Double;

    /// <summary>The elements of a float tensor of any precision as 32-bit floats; null when it holds no floats.</summary>
    /// <remarks>The common case is a view on the tensor's own memory, so it is valid as long as the tensor is.</remarks>
    public static ReadOnlySpan<float> Singles(OrtValue tensor)
    {
        var data = tensor.GetTensorMutableRawData();
        return tensor.GetTensorTypeAndShape().ElementDataType switch
        {
            TensorElementType.Float => MemoryMarshal.Cast<byte, float>(data),
            TensorElementType.Float16 => Convert<Half>(data, value => (float)value),
            TensorElementType.BFloat16 => Convert<ushort>(data, OfBrainFloat),
            TensorElementType.Double => Convert<double>(data, value => (float)value),
            _ => default,
        };
    }

    /// <summary>The elements of a tensor as class numbers, whether it holds integers or floats.</summary>
    public static long[] Integers(OrtValue tensor)
    {
        var data = tensor.GetTensorMutableRawData();
        return tensor.GetTensorTypeAndShape().ElementDataType switch
        {
            TensorElementType.Int64 => MemoryMarshal.Cast<byte, long>(data).ToArray(),
            TensorElementType.Int32 => Array.ConvertAll(MemoryMarshal.Cast<byte, int>(data).ToArray(), value => (long)value),
            _ => Array.ConvertAll(Singles(tensor).ToArray(), value => float.IsFinite(value) ? (long)Math.Round(value) : -1),
        };
    }

    /// <summary>The elements of a tensor of numbers of any type as 32-bit floats; empty when it holds texts.</summary>
    /// <remarks><inheritdoc cref="Singles" path="/remarks"/></remarks>
    public static ReadOnlySpan<float> Numbers(OrtValue tensor)
    {
        var element = tensor.GetTensorTypeAndShape().ElementDataType;
        if (element == TensorElementType.String) return default;
        var data = tensor.GetTensorMutableRawData();
        return element switch
        {
            TensorElementType.Bool => Convert<bool>(data, value => value ? 1 : 0),
            TensorElementType.UInt8 => Convert<byte>(data, value => value),
            TensorElementType.UInt16 => Convert<ushort>(data, value => value),
            TensorElementType.UInt32 => Convert<uint>(data, value => value),
            TensorElementType.UInt64 => Convert<ulong>(data, value => value),
            TensorElementType.Int8 => Convert<sbyte>(data, value => value),
            TensorElementType.Int16 => Convert<short>(data, value => value),
            TensorElementType.Int32 => Convert<int>(data, value => value),
            TensorElementType.Int64 => Convert<long>(data, value => value),
            _ => Singles(tensor),
        };
    }

    /// <summary>A bfloat16 as a 32-bit float, of which it is the upper half.</summary>
    /// <param name="bits">Its bits.</param>
    public static float OfBrainFloat(ushort bits) => BitConverter.Int32BitsToSingle(bits << 16);

    private static float[] Convert<T>(ReadOnlySpan<byte> data, Func<T, float> convert)
        where T : struct
    {
        var values = MemoryMarshal.Cast<byte, T>(data);
        var singles = new float[values.Length];
        for (var i = 0; i < singles.Length; i++) singles[i] = convert(values[i]);
        return singles;
    }
}
