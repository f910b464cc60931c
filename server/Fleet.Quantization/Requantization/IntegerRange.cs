using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Requantization;

/// <summary>The integers that a value is rounded to, and the one among them that stands for zero.</summary>
/// <param name="Lowest">The smallest.</param>
/// <param name="Highest">The largest.</param>
/// <param name="Zero">The zero point.</param>
internal sealed record IntegerRange(long Lowest, long Highest, long Zero)
{
    /// <summary>The range of a zero point of one element; unsigned bytes from zero on where there is none. Null for other types.</summary>
    public static IntegerRange? Of(TensorProto? zeroPoint) => zeroPoint switch
    {
        null => new IntegerRange(0, byte.MaxValue, 0),
        _ when zeroPoint.Elements() != 1 => null,
        _ when zeroPoint.Is(DataType.Uint8) => new IntegerRange(0, byte.MaxValue, zeroPoint.ToInt64s()[0]),
        _ when zeroPoint.Is(DataType.Int8) => new IntegerRange(sbyte.MinValue, sbyte.MaxValue, zeroPoint.ToInt64s()[0]),
        _ => null,
    };
}
