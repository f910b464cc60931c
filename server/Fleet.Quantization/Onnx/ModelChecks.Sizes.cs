using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Onnx;

/// <summary>The part that counts values and bits before anything is allocated.</summary>
internal static partial class ModelChecks
{
    /// <summary>How many values a node makes, where its constants alone say so and it is too many.</summary>
    private static string? Explosion(NodeProto node, OnnxGraph graph)
    {
        if (!node.IsStandard()) return null;
        long[]? Constant(int input)
            => graph.Constant(node.InputAt(input)) is { } tensor && tensor.DataType is (int)DataType.Int64 or (int)DataType.Int32
                ? tensor.ToInt64s()
                : null;
        static long? Size(IEnumerable<long>? extents) => extents is null ? null : Product(extents.Select(extent => Math.Max(1, extent)));
        var size = node.OpType switch
        {
            "ConstantOfShape" => Size(Constant(0)),
            "Expand" => Size(Constant(1)),
            "Tile" => Size(Constant(1)),
            "Pad" => (Constant(1) ?? node.Ints("pads"))?.Select(pad => Math.Max(0, pad)).DefaultIfEmpty().Max(),
            "RandomNormal" or "RandomUniform" => Size(node.Ints("shape")),
            "OneHot" => Size(Constant(1)),
            "Range" when (Constant(0), Constant(1), Constant(2)) is ([var from], [var to], [var step]) && step != 0 =>
                Math.Max(0, (long)Math.Min(long.MaxValue / 2, ((double)to - from) / step)),
            _ => 0,
        };
        return size > MaximumElements ? size == long.MaxValue ? $"more than {long.MaxValue}" : $"{size}" : null;
    }

    /// <summary>The product, or the largest number there is where it does not fit.</summary>
    private static long Product(IEnumerable<long> extents)
    {
        UInt128 product = 1;
        foreach (var extent in extents)
        {
            product *= (ulong)extent;
            if (product > long.MaxValue) product = long.MaxValue;
        }
        return (long)product;
    }

    private static bool IsComplex(int type) => type is (int)DataType.Complex64 or (int)DataType.Complex128;

    /// <summary>Bits of one value, by the numbers of the format.</summary>
    private static int? BitsOf(int type) => type switch
    {
        1 or 6 or 12 => 32,
        2 or 3 or 9 or 17 or 18 or 19 or 20 or 24 => 8,
        4 or 5 or 10 or 16 => 16,
        7 or 11 or 13 or 14 => 64,
        15 => 128,
        21 or 22 or 23 => 4,
        25 or 26 => 2,
        _ => null,
    };
}
