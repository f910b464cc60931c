using Fleet.Contracts.Devices;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Calibration;

/// <summary>The integers a target's kernels want; weights are always symmetric around their zero point and per channel.</summary>
/// <param name="Signed">int8 in place of uint8.</param>
/// <param name="Symmetric">Zero point 0; with int8 only.</param>
/// <param name="FloatBias">The bias is left float.</param>
/// <param name="IntegerOutputs">
/// The kernels take their output's scale and write integers (ONNX Runtime's CPU kernels). Otherwise only the inputs of
/// convolutions and matrix products are marked and the runtime decides what stays integer in between (TensorRT).
/// </param>
/// <param name="UnsignedWeights">
/// Weights are stored as uint8 with zero point 128. Without VNNI the product of an unsigned and a signed byte is added in pairs in
/// 16 bits and saturates; the kernels for two unsigned bytes widen first and cannot.
/// </param>
internal sealed record IntegerForm(bool Signed, bool Symmetric, bool FloatBias, bool IntegerOutputs, bool UnsignedWeights = false)
{
    /// <summary>Unsigned activations, signed weights: what Intel and AMD kernels fuse.</summary>
    public static readonly IntegerForm U8S8 = new(Signed: false, Symmetric: false, FloatBias: false, IntegerOutputs: true);

    /// <summary>Unsigned on both sides: exact on processors without VNNI.</summary>
    public static readonly IntegerForm U8U8 = U8S8 with { UnsignedWeights = true };

    /// <summary>Signed on both sides: the fast path of Arm kernels.</summary>
    public static readonly IntegerForm S8S8 = new(Signed: true, Symmetric: false, FloatBias: false, IntegerOutputs: true);

    /// <summary>Signed, zero point 0 on both sides, float bias: what TensorRT takes.</summary>
    public static readonly IntegerForm Symmetric8 = new(Signed: true, Symmetric: true, FloatBias: true, IntegerOutputs: false);

    /// <summary>
    /// True where products could saturate without VNNI: weights of this form are rounded such that none does
    /// (<see cref="Writing.UnsaturatedScales"/>), and need no setting of the runtime.
    /// </summary>
    public bool IsUnsaturated => !Signed && !UnsignedWeights;

    /// <summary>Bits of the integers; fewer than 8 are stored in bytes all the same.</summary>
    public int Bits { get; init; } = 8;

    /// <summary>Smallest integer used.</summary>
    public int Minimum => !Signed ? 0 : -(1 << (Bits - 1)) + (Symmetric ? 1 : 0);

    /// <summary>Largest integer used.</summary>
    public int Maximum => Signed ? (1 << (Bits - 1)) - 1 : (1 << Bits) - 1;

    /// <summary>The element type in the file.</summary>
    public DataType Type => Signed ? DataType.Int8 : DataType.Uint8;

    /// <summary>
    /// True when rounding into a range that begins or ends at zero does the work of a Relu: the smallest integer is then zero.
    /// </summary>
    public bool ClampsAtZero => !Symmetric;

    /// <summary>The form a profile asks for.</summary>
    public static IntegerForm For(NumericRules rules) => new(
        Signed: rules.Activations == "int8",
        Symmetric: rules.SymmetricActivations,
        FloatBias: rules.FloatBias,
        IntegerOutputs: !rules.SymmetricActivations,
        UnsignedWeights: rules.Weights == "uint8");
}
