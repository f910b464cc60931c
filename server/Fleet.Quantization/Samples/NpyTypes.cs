using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>Element types by the names that npy gives them.</summary>
internal static class NpyTypes
{
    /// <summary>The name, or null when npy has none for it.</summary>
    public static string? NameOf(TensorElementType type) => type switch
    {
        TensorElementType.Float => "f4",
        TensorElementType.Float16 => "f2",
        TensorElementType.Double => "f8",
        TensorElementType.Bool => "b1",
        TensorElementType.UInt8 => "u1",
        TensorElementType.Int8 => "i1",
        TensorElementType.Int32 => "i4",
        TensorElementType.Int64 => "i8",
        _ => null,
    };
}
