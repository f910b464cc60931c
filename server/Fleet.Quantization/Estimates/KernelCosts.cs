using Fleet.Contracts.Devices;

namespace Fleet.Quantization.Estimates;

/// <summary>
/// What the kernels of a kind of processor do in a cycle of one core: what a cost model needs to know of a profile. The figures are
/// rounded, and only ratios between the forms of one model are made of them.
/// </summary>
/// <remarks>
/// Set by hand to agree with what was measured or published. x64 without VNNI: the tables <c>quantize-cost-model</c>,
/// <c>quantize-encoder</c>, <c>quantize-ultraface</c> and <c>quantize-mcunet</c> in <c>tests/Fleet.Benchmarks/results</c>. VNNI: ONNX
/// Runtime's int8 is 3.4 times its float on a convolutional network and 2.7 times on an encoder; its unsigned weights 1.6 times. Arm: the
/// dot product is worth up to four times the kernels without (ONNX Runtime pull request 6916), i8mm 1.33 times the dot product (17160),
/// 4-bit products at one row 2.9 to 3.3 times float (18031). Jetson: int8 is 1.5 to 1.8 times fp16 and 3.0 to 4.3 times fp32 on ResNets by
/// TensorRT (onnxsim pull request 1742).
/// </remarks>
internal sealed record KernelCosts
{
    /// <summary>Products of 32-bit floats.</summary>
    public required double Floats { get; init; }

    /// <summary>The same in convolutions, which x64 processors compute in blocks of channels; null where that is no faster.</summary>
    public double? FloatConvolutions { get; init; }

    /// <summary>Products of 16-bit floats; those of 32 bits where they are widened.</summary>
    public required double Halves { get; init; }

    /// <summary>Products of bytes with signed weights.</summary>
    public required double SignedBytes { get; init; }

    /// <summary>Products of bytes with unsigned weights.</summary>
    public required double UnsignedBytes { get; init; }

    /// <summary>Products with 4-bit weights, which are unpacked on the way.</summary>
    public required double FourBits { get; init; }

    /// <summary>Products of a convolution of each channel by itself, in floats.</summary>
    public required double FloatDepthwise { get; init; }

    /// <summary>The same in bytes.</summary>
    public required double ByteDepthwise { get; init; }

    /// <summary>Values that a simple operator, a rounding or a return to float handles.</summary>
    public double Values { get; init; } = 2;

    /// <summary>Values that are cast from one width of floats to another.</summary>
    public double CastValues { get; init; } = 16;

    /// <summary>Values of an exponential, a root or the like.</summary>
    public double HardValues { get; init; } = 0.4;

    /// <summary>Bytes that are gathered for a convolution in bytes whose kernel is larger than a point.</summary>
    public double GatheredBytes { get; init; } = 8;

    /// <summary>Largest weights that stay in caches from run to run.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Bytes of weights from caches.</summary>
    public required double CachedBytes { get; init; }

    /// <summary>Bytes of weights from memory.</summary>
    public required double MemoryBytes { get; init; }

    /// <summary>Cycles that one operator costs whatever it does.</summary>
    public double Operator { get; init; } = 3_000;

    /// <summary>True where the accelerator fuses QDQ by itself: what lies between dequantized tensors is integers, whatever this machine's
    /// runtime makes of it.</summary>
    public bool FusesQdq { get; init; }

    private static readonly KernelCosts Avx2 = new()
    {
        Floats = 15,
        FloatConvolutions = 20,
        Halves = 15,
        SignedBytes = 30,
        UnsignedBytes = 22,
        FourBits = 11,
        FloatDepthwise = 6,
        ByteDepthwise = 5,
        CacheBytes = 16 << 20,
        CachedBytes = 12,
        MemoryBytes = 4,
    };

    private static readonly KernelCosts Vnni = Avx2 with
    {
        Floats = 24,
        FloatConvolutions = null,
        Halves = 24,
        SignedBytes = 90,
        UnsignedBytes = 40,
        FourBits = 26,
    };

    private static readonly KernelCosts Neon = new()
    {
        Floats = 7,
        Halves = 7,
        SignedBytes = 9,
        UnsignedBytes = 9,
        FourBits = 3,
        FloatDepthwise = 2.5,
        ByteDepthwise = 3.5,
        Values = 1,
        CastValues = 4,
        HardValues = 0.2,
        CacheBytes = 1 << 20,
        CachedBytes = 8,
        MemoryBytes = 4,
    };

    private static readonly KernelCosts DotProduct = Neon with { SignedBytes = 22, UnsignedBytes = 22, FourBits = 4.5 };

    private static readonly KernelCosts MatrixProduct = DotProduct with { SignedBytes = 29, UnsignedBytes = 29, FourBits = 5 };

    private static readonly KernelCosts TensorRt = new()
    {
        Floats = 500,
        Halves = 1_100,
        SignedBytes = 1_900,
        UnsignedBytes = 1_900,
        FourBits = 500,
        FloatDepthwise = 100,
        ByteDepthwise = 200,
        Values = 16,
        CastValues = 16,
        HardValues = 16,
        GatheredBytes = double.PositiveInfinity,
        CacheBytes = 2 << 20,
        CachedBytes = 200,
        MemoryBytes = 60,
        FusesQdq = true,
    };

    /// <summary>The costs of the processors that belong to a profile; of several kinds that do, those of the least.</summary>
    public static KernelCosts Of(HardwareProfile profile)
    {
        var flags = profile.Match.RequiredIsaFlags;
        return profile.Runtime.ExecutionProviders.Contains("TensorrtExecutionProvider") ? TensorRt
            : !profile.Match.Architectures.Contains("x64") ? flags.Contains("i8mm") ? MatrixProduct
                : flags.Contains("asimddp") ? DotProduct : Neon
            : flags.Contains("avx512_vnni") || flags.Contains("avx_vnni") ? Vnni : Avx2;
    }
}
