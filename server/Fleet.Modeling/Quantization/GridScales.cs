namespace Fleet.Modeling.Quantization;

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
/// Scales that were searched or learned for every value of a plan, at any width from 2 to 8 bits. <see cref="QdqWriter"/>
/// takes them in place of calibrated ranges, so that a trained grid and a calibrated one are written by the same rules.
/// </summary>
/// <param name="Activations">The grid of each of the plan's calibrated values.</param>
/// <param name="Weights">The grid of each weighted operator, by its first output.</param>
internal sealed record GridScales(IReadOnlyDictionary<string, ActivationGrid> Activations, IReadOnlyDictionary<string, WeightGrid> Weights);
