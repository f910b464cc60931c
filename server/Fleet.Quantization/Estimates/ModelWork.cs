namespace Fleet.Quantization.Estimates;

/// <summary>What a processor's kernels are paid by: one of each takes about as long wherever it stands.</summary>
internal enum Kernel
{
    /// <summary>A product of 32-bit floats in a matrix product.</summary>
    FloatProduct,

    /// <summary>The same in a convolution.</summary>
    FloatConvolution,

    /// <summary>A product of 16-bit floats.</summary>
    HalfProduct,

    /// <summary>The same in a <c>Gemm</c>, of which ONNX Runtime has a plain loop for Arm.</summary>
    PlainHalfProduct,

    /// <summary>A product of bytes with a signed weight.</summary>
    SignedByteProduct,

    /// <summary>A product of bytes with an unsigned weight.</summary>
    UnsignedByteProduct,

    /// <summary>A product with a 4-bit weight, which is unpacked on the way.</summary>
    FourBitProduct,

    /// <summary>A weight of a matrix product in floats, which every row shares.</summary>
    FloatWeight,

    /// <summary>The same in bytes.</summary>
    ByteWeight,

    /// <summary>The same of four bits, which is unpacked once for all rows.</summary>
    FourBitWeight,

    /// <summary>A weight that is returned to float at every run.</summary>
    DequantizedWeight,

    /// <summary>The same where neighbours have scales of their own.</summary>
    DequantizedColumn,

    /// <summary>A product of a convolution of each channel by itself, in floats.</summary>
    FloatDepthwise,

    /// <summary>The same with a kernel of more than 3 places a side, for which some processors have no kernel of its own.</summary>
    FloatLargeDepthwise,

    /// <summary>A product of such a convolution in 16-bit floats, whatever its size.</summary>
    HalfDepthwise,

    /// <summary>A product of such a convolution in bytes, whatever its size.</summary>
    ByteDepthwise,

    /// <summary>A product of <c>ConvInteger</c>, whose kernel is a plain loop.</summary>
    PlainConvolution,

    /// <summary>A float that is gathered for a convolution whose kernel is larger than a point.</summary>
    GatheredFloat,

    /// <summary>The same of a convolution in bytes.</summary>
    GatheredByte,

    /// <summary>A value that a simple operator, a rounding or a return to float handles.</summary>
    Value,

    /// <summary>A value that is cast from one width of floats to another.</summary>
    Cast,

    /// <summary>A value of an exponential, a root or the like.</summary>
    HardValue,

    /// <summary>An operator, whatever it does.</summary>
    Operator,

    /// <summary>An inference, whatever is in it.</summary>
    Inference,
}

/// <summary>A part of what a model has to do.</summary>
/// <param name="Kernel">What does it.</param>
/// <param name="Amount">How often.</param>
/// <param name="Bytes">Bytes of weights that it reads.</param>
internal readonly record struct Work(Kernel Kernel, double Amount, double Bytes = 0);

/// <summary>What one inference of a model has to do.</summary>
/// <param name="Parts">Its parts, node by node.</param>
/// <param name="WeightBytes">Bytes of all weights.</param>
internal sealed record ModelWork(IReadOnlyList<Work> Parts, long WeightBytes);
