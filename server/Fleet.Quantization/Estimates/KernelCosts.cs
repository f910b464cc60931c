using System.Globalization;
using Fleet.Contracts.Devices;

namespace Fleet.Quantization.Estimates;

/// <summary>
/// What the kernels of a kind of processor cost, in a unit of its own: only ratios between the forms of one model are made of it.
/// </summary>
/// <remarks>
/// Fitted to small networks in every form that can be made of them, by instructions of emulated processors and by the processor time of a
/// real one (<c>tests/Fleet.Benchmarks/results/quantize-kernels.md</c>). What whole models came to, which nothing was fitted to, is in
/// decision 0204. What reading weights from memory takes does not show in instructions and is set by hand: by bytes that such processors
/// read in a cycle, and by published 4-bit products at one row, 2.9 to 3.3 times float on Arm with the dot product (ONNX Runtime pull
/// request 18031). So is the Jetson, of which none was at hand: int8 is 1.5 to 1.8 times fp16 and 3.0 to 4.3 times fp32 on ResNets by
/// TensorRT (onnxsim pull request 1742).
/// </remarks>
internal sealed class KernelCosts
{
    /// <summary>What one of each costs: Cortex-A53, Cortex-A76, Arm with i8mm, Haswell in instructions; EPYC with VNNI in ns.</summary>
    private static readonly Dictionary<Kernel, double[]> Fitted = new()
    {
        [Kernel.FloatProduct] = [0.301, 0.301, 0.304, 0.237, 0.0162],
        [Kernel.FloatConvolution] = [0.354, 0.369, 0.369, 0.241, 0.0188],
        [Kernel.HalfProduct] = [0.302, 0.155, 0.156, 0.203, 0.0162],
        [Kernel.PlainHalfProduct] = [0.307, 89.2, 89.2, 0.231, 0.0184],
        [Kernel.SignedByteProduct] = [0.234, 0.0744, 0.0449, 0.111, 0.0034],
        [Kernel.UnsignedByteProduct] = [0.382, 0.0823, 0.0443, 0.194, 0.0117],
        [Kernel.FourBitProduct] = [0.293, 0.159, 0.115, 0.255, 0.0177],
        [Kernel.FloatWeight] = [0.116, 0.12, 0.122, 0.0978, 0.0204],
        [Kernel.ByteWeight] = [0.166, 0.169, 0.16, 0.115, 0.0128],
        [Kernel.FourBitWeight] = [2.61, 0.13, 0.187, 0.189, 0],
        [Kernel.DequantizedWeight] = [2.52, 2.47, 2.45, 2.55, 0.135],
        [Kernel.DequantizedColumn] = [23.4, 23.3, 23.2, 24.6, 1.27],
        [Kernel.FloatDepthwise] = [2.11, 2.12, 2.12, 0.883, 0.0337],
        [Kernel.FloatLargeDepthwise] = [5.4, 5.4, 5.39, 0.707, 0.0249],
        [Kernel.HalfDepthwise] = [2.44, 1.21, 1.2, 0.505, 0.0163],
        [Kernel.ByteDepthwise] = [0.786, 0.758, 0.766, 0.984, 0.0442],
        // Nothing that is written here has it: four times a float's, as its loop reads.
        [Kernel.PlainConvolution] = [1.21, 1.21, 1.21, 0.94, 0.065],
        [Kernel.GatheredFloat] = [3.37, 2.42, 2.33, 0.378, 0.0007],
        [Kernel.GatheredByte] = [3.23, 2.21, 2.41, 1.83, 0.0711],
        [Kernel.Value] = [4.06, 3.5, 3.66, 3.9, 0.171],
        // Processors that compute in halves do not cast; those that do cast to compute at all.
        [Kernel.Cast] = [1.12, 0, 0, 4.56, 0.0431],
        [Kernel.HardValue] = [10.3, 11.1, 10.2, 4.85, 0.348],
        [Kernel.Operator] = [3_360, 6_420, 6_530, 5_130, 469],
        [Kernel.Inference] = [35_960, 25_390, 23_500, 28_660, 3_460],
    };

    private static readonly KernelCosts
        Neon = new(kernel => Fitted[kernel][0], cacheBytes: 1 << 20, cached: 5, memory: 2.7),
        DotProduct = new(kernel => Fitted[kernel][1], cacheBytes: 1 << 20, cached: 5, memory: 2.7) { ComputesInHalves = true },
        MatrixProduct = new(kernel => Fitted[kernel][2], cacheBytes: 1 << 20, cached: 5, memory: 2.7) { ComputesInHalves = true },
        Avx2 = new(kernel => Fitted[kernel][3], cacheBytes: 16 << 20, cached: 5, memory: 1.6),
        Vnni = new(kernel => Fitted[kernel][4], cacheBytes: 16 << 20, cached: 36, memory: 12),
        TensorRt = new(OfTensorRt, cacheBytes: 2 << 20, cached: 200, memory: 60) { FusesQdq = true };

    private readonly Func<Kernel, double> _costOf;
    private readonly long _cacheBytes;
    private readonly double _cached, _memory;

    /// <summary>Takes what one of each kernel costs, and how much of weights is read meanwhile.</summary>
    /// <param name="costOf">The cost of one.</param>
    /// <param name="cacheBytes">Largest weights that stay in caches from run to run.</param>
    /// <param name="cached">Bytes of weights from caches, for each unit of cost.</param>
    /// <param name="memory">The same from memory.</param>
    private KernelCosts(Func<Kernel, double> costOf, long cacheBytes, double cached, double memory)
        => (_costOf, _cacheBytes, _cached, _memory) = (costOf, cacheBytes, cached, memory);

    /// <summary>
    /// True where the accelerator fuses QDQ by itself: what lies between dequantized tensors is integers, whatever this machine's runtime
    /// makes of it.
    /// </summary>
    public bool FusesQdq { get; private init; }

    /// <summary>True where 16-bit floats are computed in and not widened: Arm processors with the dot product have both.</summary>
    public bool ComputesInHalves { get; private init; }

    /// <summary>All figures in one text: two that differ in any differ in it.</summary>
    public string Figures => string.Join(' ', Enum.GetValues<Kernel>()
        .Select(kernel => string.Create(CultureInfo.InvariantCulture, $"{kernel}={_costOf(kernel):R}"))
        .Append(string.Create(CultureInfo.InvariantCulture, $"{_cacheBytes} {_cached} {_memory} {FusesQdq} {ComputesInHalves}")));

    /// <summary>What an inference costs: of what reads weights the longer of computing and of reading them.</summary>
    public double CostOf(ModelWork work)
    {
        var bytes = work.WeightBytes <= _cacheBytes ? _cached : _memory;
        return work.Parts.Sum(part => Math.Max(part.Amount * _costOf(part.Kernel), part.Bytes / bytes));
    }

    /// <summary>The costs of the processors that belong to a profile; of several kinds that do, those of the least.</summary>
    public static KernelCosts Of(HardwareProfile profile)
    {
        var flags = profile.Match.RequiredIsaFlags;
        return profile.Runtime.ExecutionProviders.Contains("TensorrtExecutionProvider") ? TensorRt
            : !profile.Match.Architectures.Contains("x64") ? flags.Contains("i8mm") ? MatrixProduct
                : flags.Contains("asimddp") ? DotProduct : Neon
            : flags.Contains("avx512_vnni") || flags.Contains("avx_vnni") ? Vnni : Avx2;
    }

    private static double OfTensorRt(Kernel kernel) => kernel switch
    {
        Kernel.HalfProduct or Kernel.PlainHalfProduct => 1 / 1_100.0,
        Kernel.SignedByteProduct or Kernel.UnsignedByteProduct => 1 / 1_900.0,
        Kernel.FloatDepthwise or Kernel.FloatLargeDepthwise or Kernel.HalfDepthwise => 1 / 100.0,
        Kernel.ByteDepthwise => 1 / 200.0,
        Kernel.FloatWeight or Kernel.ByteWeight or Kernel.FourBitWeight or Kernel.GatheredFloat or Kernel.GatheredByte
            or Kernel.Inference => 0,
        Kernel.Operator => 3_000,
        Kernel.Value or Kernel.HardValue or Kernel.Cast or Kernel.DequantizedWeight or Kernel.DequantizedColumn => 1 / 16.0,
        _ => 1 / 500.0,
    };
}
