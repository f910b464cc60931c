using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Onnx;

/// <summary>Reads and writes the values of ONNX tensors, whichever of the format's fields they lie in.</summary>
internal static class Tensors
{
    /// <summary>A tensor of 32-bit floats; no extents make it a scalar.</summary>
    public static TensorProto Of(string name, ReadOnlySpan<float> values, params ReadOnlySpan<long> extents)
        => Create(name, DataType.Float, MemoryMarshal.AsBytes(values), extents);

    /// <summary>A tensor of 16-bit floats.</summary>
    public static TensorProto Of(string name, ReadOnlySpan<Half> values, params ReadOnlySpan<long> extents)
        => Create(name, DataType.Float16, MemoryMarshal.AsBytes(values), extents);

    /// <summary>A tensor of signed bytes.</summary>
    public static TensorProto Of(string name, ReadOnlySpan<sbyte> values, params ReadOnlySpan<long> extents)
        => Create(name, DataType.Int8, MemoryMarshal.AsBytes(values), extents);

    /// <summary>A tensor of signed bytes that shares <paramref name="values"/>, which nobody may change any more.</summary>
    public static TensorProto Over(string name, sbyte[] values, params ReadOnlySpan<long> extents)
    {
        // Arrays of signed and of unsigned bytes are one type to the runtime.
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)DataType.Int8,
            RawData = UnsafeByteOperations.UnsafeWrap(Unsafe.As<byte[]>(values)),
        };
        tensor.Dims.AddRange(extents.ToArray());
        return tensor;
    }

    /// <summary>A tensor of unsigned bytes.</summary>
    public static TensorProto Of(string name, ReadOnlySpan<byte> values, params ReadOnlySpan<long> extents)
        => Create(name, DataType.Uint8, values, extents);

    /// <summary>A tensor of 32-bit integers.</summary>
    public static TensorProto Of(string name, ReadOnlySpan<int> values, params ReadOnlySpan<long> extents)
        => Create(name, DataType.Int32, MemoryMarshal.AsBytes(values), extents);

    /// <summary>A tensor of 64-bit integers.</summary>
    public static TensorProto Of(string name, ReadOnlySpan<long> values, params ReadOnlySpan<long> extents)
        => Create(name, DataType.Int64, MemoryMarshal.AsBytes(values), extents);

    /// <summary>A tensor of any type from its little-endian bytes.</summary>
    public static TensorProto Create(string name, DataType type, ReadOnlySpan<byte> bytes, ReadOnlySpan<long> extents)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = UnsafeByteOperations.UnsafeWrap(bytes.ToArray()) };
        tensor.Dims.AddRange(extents.ToArray());
        return tensor;
    }

    /// <summary>True when the tensor holds values of <paramref name="type"/>.</summary>
    public static bool Is(this TensorProto tensor, DataType type) => tensor.DataType == (int)type;

    /// <summary>Values in all; 1 for a scalar.</summary>
    public static long Elements(this TensorProto tensor) => tensor.Dims.Aggregate(1L, (product, extent) => checked(product * extent));

    /// <summary>The values as 32-bit floats; from 16-bit and 64-bit floats they are converted.</summary>
    public static float[] ToSingles(this TensorProto tensor) => (DataType)tensor.DataType switch
    {
        DataType.Float => tensor.HasRawData ? Raw<float>(tensor) : Checked(tensor, [.. tensor.FloatData]),
        DataType.Float16 => Widened(ToHalves(tensor)),
        DataType.Double => Array.ConvertAll(
            tensor.HasRawData ? Raw<double>(tensor) : Checked(tensor, [.. tensor.DoubleData]), value => (float)value),
        var other => throw new InvalidDataException($"Tensor '{tensor.Name}' holds {other}; floats were expected."),
    };

    /// <summary>The values as 16-bit floats, of a tensor that holds them.</summary>
    public static Half[] ToHalves(this TensorProto tensor) => tensor.HasRawData
        ? Raw<Half>(tensor)
        : Checked(tensor, [.. tensor.Int32Data.Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits))]);

    /// <summary>The values as 64-bit integers.</summary>
    public static long[] ToInt64s(this TensorProto tensor) => (DataType)tensor.DataType switch
    {
        DataType.Int64 => tensor.HasRawData ? Raw<long>(tensor) : Checked(tensor, [.. tensor.Int64Data]),
        DataType.Int32 => Array.ConvertAll(
            tensor.HasRawData ? Raw<int>(tensor) : Checked(tensor, [.. tensor.Int32Data]), value => (long)value),
        DataType.Int8 => Array.ConvertAll(
            tensor.HasRawData ? Raw<sbyte>(tensor) : Checked(tensor, [.. tensor.Int32Data.Select(value => (sbyte)value)]),
            value => (long)value),
        DataType.Uint8 => Array.ConvertAll(
            tensor.HasRawData ? Raw<byte>(tensor) : Checked(tensor, [.. tensor.Int32Data.Select(value => (byte)value)]),
            value => (long)value),
        var other => throw new InvalidDataException($"Tensor '{tensor.Name}' holds {other}; integers were expected."),
    };

    private static float[] Widened(Half[] values)
    {
        var wide = new float[values.Length];
        TensorPrimitives.ConvertToSingle(values, wide);
        return wide;
    }

    private static T[] Raw<T>(TensorProto tensor) where T : unmanaged
        => Checked(tensor, MemoryMarshal.Cast<byte, T>(tensor.RawData.Span).ToArray());

    private static T[] Checked<T>(TensorProto tensor, T[] values) => values.LongLength == tensor.Elements()
        ? values
        : throw new InvalidDataException(
            $"Tensor '{tensor.Name}' holds {values.Length} values; its shape ({string.Join(", ", tensor.Dims)}) needs "
                + $"{tensor.Elements()}.");
}
