using System.Globalization;
using MathNet.Numerics.Distributions;

namespace Fleet.Quantization;

/// <summary>How many times as fast as the float model a variant is, and where that lies with a confidence of 95 %.</summary>
/// <param name="Value">The factor; above 1 is faster.</param>
/// <param name="Low">Its lower bound.</param>
/// <param name="High">Its upper bound.</param>
internal sealed record RelativeSpeed(double Value, double Low, double High)
{
    /// <summary>
    /// Speeds whose ratio is within 3 % are equal, however many pairs were taken: one model that is loaded twice lies elsewhere in memory
    /// and differs by as much.
    /// </summary>
    public const double Equal = 0.97;

    /// <summary>
    /// An estimate is taken to be off by as much as this factor in either direction; the benchmark <c>quantize-cost-model</c> tells how far
    /// off estimates are on the processor it runs on.
    /// </summary>
    public const double EstimateError = 1.25;

    /// <summary>Blocks of consecutive pairs, each with its median.</summary>
    private const int Blocks = 20;

    /// <summary>Chance that the true factor lies beyond one bound.</summary>
    private const double Tail = 0.025;

    /// <summary>The float model itself.</summary>
    public static readonly RelativeSpeed Original = new(1, 1, 1);

    /// <summary>True where nobody timed it: the operators of the model were counted.</summary>
    public bool IsEstimate { get; init; }

    /// <summary>Upper bound over lower bound: near 1, more pairs would tell little more.</summary>
    public double Width => High / Low;

    /// <summary>An estimate, as far off as estimates are.</summary>
    public static RelativeSpeed Estimated(double value)
        => new(value, value / EstimateError, value * EstimateError) { IsEstimate = true };

    /// <summary>
    /// The median of the ratios of pairs of calls. Neighbouring pairs are disturbed by the same things, so that blocks of them count as one
    /// (non-overlapping batches: Schmeiser, Batch size effects in the analysis of simulation output, Operations Research 30, 1982); the
    /// interval of the blocks' median is that of the sign test, which asks nothing of how they are distributed (David and Nagaraja, Order
    /// Statistics, 2003, 7.1).
    /// </summary>
    /// <param name="ratios">Float over variant, in the order in which they were taken.</param>
    public static RelativeSpeed Of(IReadOnlyList<double> ratios)
    {
        double[] blocks = [.. ratios.Chunk(Math.Max(1, ratios.Count / Blocks)).Select(Median).Order()];
        var place = 0;
        while (place + 1 < blocks.Length / 2.0 && Binomial.CDF(0.5, blocks.Length, place) <= Tail) place++;
        // The sign test keeps the values from the place-th to the place-th from the end; of few blocks, all.
        var (low, high) = (blocks[Math.Max(0, place - 1)], blocks[^Math.Max(1, place)]);
        return new RelativeSpeed(Math.Clamp(Median([.. ratios]), low, high), low, high);
    }

    /// <summary>
    /// What several loads of the two models tell together: each lies elsewhere in memory, which of small ones makes more than chance within
    /// a load does. The interval holds those of all.
    /// </summary>
    /// <param name="loads">The factor of each load.</param>
    public static RelativeSpeed OfLoads(IReadOnlyList<RelativeSpeed> loads)
        => new(Median([.. loads.Select(load => load.Value)]), loads.Min(load => load.Low), loads.Max(load => load.High));

    /// <summary>True when this one is told to be faster; within the interval of their ratio nothing is.</summary>
    /// <remarks>
    /// The interval of a ratio from those of its parts: Zou and Donner, Construction of confidence limits about effect measures: a general
    /// approach, Statistics in Medicine 27, 2008, on the logarithms.
    /// </remarks>
    public bool IsFasterThan(RelativeSpeed other)
        => Math.Log(Value / other.Value) > Math.Max(-Math.Log(Equal), MarginOver(other));

    /// <summary>True when this one is told not to be slower, which is more than not being told to be slower.</summary>
    public bool IsAsFastAs(RelativeSpeed other)
        => Value >= Equal * other.Value && (IsFasterThan(other) || MarginOver(other) <= -Math.Log(Equal));

    /// <summary>The factor and its interval, such as <c>1.27, 1.24 to 1.30 times</c>.</summary>
    public override string ToString() => Low == High
        ? Text($"{Value:0.00} times") : Text($"{Value:0.00}, {Low:0.00} to {High:0.00} times");

    /// <summary>
    /// How much of the logarithm of the ratio to <paramref name="other"/> may be chance. What one estimate of a model has wrong another
    /// has wrong as well: two of them are off by no more than one.
    /// </summary>
    private double MarginOver(RelativeSpeed other) => IsEstimate && other.IsEstimate
        ? Math.Log(EstimateError)
        : Math.Sqrt(Math.Pow(Math.Log(Value / Low), 2) + Math.Pow(Math.Log(other.High / other.Value), 2));

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
