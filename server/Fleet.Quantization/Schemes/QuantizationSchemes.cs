using System.Collections.Frozen;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Schemes;

/// <summary>The schemes by name.</summary>
internal static class QuantizationSchemes
{
    /// <summary>Static int8 for Intel and AMD processors.</summary>
    public static readonly IQuantizationScheme Int8U8S8 = new StaticInt8Scheme("int8-static-u8s8", IntegerForm.U8S8);

    /// <summary>Static int8 for Arm processors.</summary>
    public static readonly IQuantizationScheme Int8S8S8 = new StaticInt8Scheme("int8-static-s8s8", IntegerForm.S8S8);

    /// <summary>Static int8 for TensorRT.</summary>
    public static readonly IQuantizationScheme Int8Symmetric = new StaticInt8Scheme("int8-static-symmetric", IntegerForm.Symmetric8);

    /// <summary>Static int8 with unsigned weights, for Intel and AMD processors without VNNI.</summary>
    public static readonly IQuantizationScheme Int8U8U8 = new StaticInt8Scheme("int8-static-u8u8", IntegerForm.U8U8, suffix: "int8-u8u8");

    /// <summary>Static int8 for Intel and AMD processors with the first layers of an image network in float.</summary>
    public static readonly IQuantizationScheme Int8FloatStem = new StaticInt8Scheme(
        "int8-static-u8s8-float-stem", IntegerForm.U8S8, suffix: "int8-stem", floatStem: true);

    /// <summary>16-bit floats.</summary>
    public static readonly IQuantizationScheme Float16 = new Float16Scheme();

    /// <summary>8-bit weights, activations rounded at run time.</summary>
    public static readonly IQuantizationScheme Int8Dynamic = new DynamicInt8Scheme();

    /// <summary>8-bit weights that are float again once loaded.</summary>
    public static readonly IQuantizationScheme Int8Weights = new Int8WeightsScheme();

    /// <summary>4-bit weights, rounded to nearest.</summary>
    public static readonly IQuantizationScheme Int4Weights = new BlockWeightsScheme(
        "int4-weights", "int4-nearest", new ProductRounding(BlockForm.Usual, BlockRounding.Nearest));

    /// <summary>4-bit weights, rounded by half-quadratic quantization.</summary>
    public static readonly IQuantizationScheme Int4HalfQuadratic = new BlockWeightsScheme(
        "int4-weights-hqq", "int4", new ProductRounding(BlockForm.Usual, BlockRounding.HalfQuadratic));

    /// <summary>4-bit weights, rounded by what layers read.</summary>
    public static readonly IQuantizationScheme Int4Gptq = new BlockWeightsScheme(
        "int4-weights-gptq", "int4-gptq", new ProductRounding(BlockForm.Usual, BlockRounding.HalfQuadratic, Compensates: true));

    /// <summary>2 to 8 bits by layer, as many on average as specs that do not say otherwise ask for.</summary>
    public static readonly IQuantizationScheme Mixed = MixedOf(QuantizationSpec.DefaultAverageBits);

    /// <summary>4-bit weights in standard operators.</summary>
    public static readonly IQuantizationScheme Int4Portable = new Int4PortableScheme();

    private static readonly FrozenDictionary<string, IQuantizationScheme> ByName =
        new[]
        {
            Int8U8S8, Int8S8S8, Int8Symmetric, Int8U8U8, Int8FloatStem, Float16, Int8Dynamic, Int8Weights, Int4Weights, Int4HalfQuadratic,
            Int4Gptq, Int4Portable, Mixed,
        }.ToFrozenDictionary(scheme => scheme.Name);

    /// <summary>All of them.</summary>
    public static IReadOnlyCollection<IQuantizationScheme> All => ByName.Values;

    /// <summary>The scheme of that name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static IQuantizationScheme Named(string name) => ByName.TryGetValue(name, out var scheme)
        ? scheme
        : throw new ArgumentException(
            $"Quantization scheme '{name}' is not known; it is one of {string.Join(", ", ByName.Keys.Order())}.", nameof(name));

    /// <summary>2 to 8 bits by layer, so many on average, and some in bits that were asked for.</summary>
    /// <exception cref="ArgumentException">No weights take so few or so many.</exception>
    public static IQuantizationScheme MixedOf(double averageBits, IReadOnlyList<LayerBits>? asked = null)
        => averageBits is >= QuantizationSpec.FewestAverageBits and <= QuantizationSpec.MostAverageBits
            ? new BlockWeightsScheme(BuildSpecRules.MixedWeights, "mixed", new BudgetedRounding(averageBits) { Asked = asked ?? [] })
            : throw new ArgumentException(FormattableString.Invariant($"Average bits of {averageBits} must be within ")
                + FormattableString.Invariant($"{QuantizationSpec.FewestAverageBits}..{QuantizationSpec.MostAverageBits}."),
                nameof(averageBits));

    /// <summary>The schemes a profile's numeric rules ask for, the smallest file first.</summary>
    public static IReadOnlyList<IQuantizationScheme> For(HardwareProfile profile)
    {
        var form = IntegerForm.For(profile.Numeric);
        var integers = form.Symmetric ? Int8Symmetric : form.UnsignedWeights ? Int8U8U8 : form.Signed ? Int8S8S8 : Int8U8S8;
        return profile.Numeric.Float16 ? [integers, Float16] : [integers];
    }

    /// <summary>Everything worth trying on a profile: what its rules ask for, and for processors the forms that need no samples.</summary>
    public static IReadOnlyList<IQuantizationScheme> CandidatesFor(HardwareProfile profile, IQuantizationScheme? mixed = null)
        => profile.Numeric.SymmetricActivations ? For(profile)
            : [
                .. For(profile), .. IntegerForm.For(profile.Numeric) == IntegerForm.U8S8
                    ? [Int8FloatStem]
                    : Array.Empty<IQuantizationScheme>(), Int8Dynamic, Int8Weights, Int4HalfQuadratic,
                .. mixed is null ? Array.Empty<IQuantizationScheme>() : [mixed],
            ];
}
