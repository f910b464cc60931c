using Fleet.Quantization.Calibration;

namespace Fleet.Quantization.Weights;

/// <summary>Bits of a network's integers.</summary>
/// <param name="Weights">Of weights, 2 to 8.</param>
/// <param name="Activations">Of activations, 2 to 8.</param>
/// <param name="Ends">Of the first and the last layer, weights and what they read: they cost little and are the most sensitive.</param>
internal sealed record BitWidths(int Weights, int Activations, int Ends = 8)
{
    /// <summary>The usual short form, such as <c>w4a4</c>.</summary>
    public override string ToString() => $"w{Weights}a{Activations}";
}

/// <summary>The integers a value may take, counted from the one that stands for zero.</summary>
/// <param name="Lowest">At most 0.</param>
/// <param name="Highest">Above 0.</param>
internal readonly record struct Levels(int Lowest, int Highest)
{
    /// <summary>
    /// A weight's levels. Below 8 bits the full range of two's complement is used: at 2 bits the fourth level is a third more.
    /// At 8 bits -128 is left out, as everywhere here, so that products of two bytes pair up without overflow.
    /// </summary>
    public static Levels OfWeights(int bits) => bits == 8 ? new Levels(-127, 127) : new Levels(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
}

/// <summary>The grid of an activation.</summary>
/// <param name="Scale">Distance of two neighbouring values.</param>
/// <param name="Levels">Its integers.</param>
internal sealed record ActivationGrid(float Scale, Levels Levels)
{
    /// <summary>The grid as a form stores it: zero where the kernels want it, the lowest level at the smallest integer.</summary>
    public Affine In(IntegerForm form) => new(Scale, form.Symmetric ? 0 : form.Minimum - Levels.Lowest);
}

/// <summary>The grid of a weight.</summary>
/// <param name="Scales">One for each output channel.</param>
/// <param name="Levels">Its integers.</param>
/// <param name="Bits">Bits its integers need.</param>
internal sealed record WeightGrid(float[] Scales, Levels Levels, int Bits);

/// <summary>
/// Scales that were searched or learned for every value of a plan, at any width from 2 to 8 bits. They are written in place
/// of calibrated ranges, so that a trained grid and a calibrated one are written by the same rules.
/// </summary>
/// <param name="Activations">The grid of each of the plan's values; those that share a scale have the same.</param>
/// <param name="Weights">The grid of each weighted operator, by its first output.</param>
internal sealed record GridScales(IReadOnlyDictionary<string, ActivationGrid> Activations, IReadOnlyDictionary<string, WeightGrid> Weights);
