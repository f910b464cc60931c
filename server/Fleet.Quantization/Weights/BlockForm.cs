namespace Fleet.Quantization.Weights;

/// <summary>What integers of a block look like.</summary>
/// <param name="Bits">Bits of one, 2 to 8.</param>
/// <param name="Size">Weights along the input that share a scale, a power of two of 16 or more.</param>
internal readonly record struct BlockForm(int Bits, int Size)
{
    /// <summary>4 bits in blocks of 32: larger blocks save little and lose accuracy.</summary>
    public static readonly BlockForm Usual = new(4, 32);

    /// <summary>The largest integer; the smallest is 0.</summary>
    public int Highest => (1 << Bits) - 1;

    /// <summary>What stands for zero where nothing else is said.</summary>
    public byte Middle => (byte)(1 << (Bits - 1));

    /// <summary>The integer for a weight.</summary>
    public byte Round(float weight, float scale, byte zeroPoint)
        => scale == 0 ? zeroPoint : (byte)Math.Clamp(MathF.Round(weight / scale) + zeroPoint, 0, Highest);
}
