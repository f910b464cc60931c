namespace Fleet.Quantization.Weights;

/// <summary>How a block of weights is rounded to 4 bits.</summary>
internal enum BlockRounding
{
    /// <summary>To nearest; the largest magnitude sets the scale.</summary>
    Nearest,
    /// <summary>With the scale and zero point of <see cref="HalfQuadratic"/>, where they come closer.</summary>
    HalfQuadratic,
}

/// <summary>A matrix as 4-bit integers in blocks along its rows, column by column; <c>real = scale (integer - zeroPoint)</c>.</summary>
/// <param name="Integers">0 to 15; each column is filled up to whole blocks with what stands for zero.</param>
/// <param name="Scales">A scale for each block of each column.</param>
/// <param name="ZeroPoints">The integer that stands for zero, for each block of each column.</param>
/// <param name="Blocks">Blocks of one column.</param>
internal sealed record BlockWeights(byte[] Integers, float[] Scales, byte[] ZeroPoints, int Blocks)
{
    /// <summary>What stands for zero where nothing else is said: the middle.</summary>
    public const byte Middle = 8;

    /// <summary>True when every zero point is the middle, which then need not be stored.</summary>
    public bool IsSymmetric => !ZeroPoints.AsSpan().ContainsAnyExcept(Middle);

    /// <summary>Rounds a matrix of <paramref name="rows"/> by <paramref name="columns"/>.</summary>
    public static BlockWeights Of(
        ReadOnlySpan<float> weights, int rows, int columns, int blockSize, BlockRounding rounding = BlockRounding.Nearest)
    {
        var blocks = (rows + blockSize - 1) / blockSize;
        var integers = new byte[columns * blocks * blockSize];
        var (scales, zeroPoints) = (new float[columns * blocks], new byte[columns * blocks]);
        Span<float> block = stackalloc float[blockSize];
        for (var column = 0; column < columns; column++)
        {
            for (var i = 0; i < blocks; i++)
            {
                var values = block[..Math.Min(blockSize, rows - i * blockSize)];
                for (var row = 0; row < values.Length; row++) values[row] = weights[(i * blockSize + row) * columns + column];
                var at = column * blocks + i;
                (scales[at], zeroPoints[at]) = Nearest(values);
                if (rounding == BlockRounding.HalfQuadratic)
                    (scales[at], zeroPoints[at]) = HalfQuadratic.Refine(values, scales[at], zeroPoints[at]);
                var written = integers.AsSpan(at * blockSize, blockSize);
                written.Fill(zeroPoints[at]);
                for (var row = 0; row < values.Length; row++) written[row] = Round(values[row], scales[at], zeroPoints[at]);
            }
        }
        return new BlockWeights(integers, scales, zeroPoints, blocks);
    }

    /// <summary>The integer for a weight.</summary>
    public static byte Round(float weight, float scale, byte zeroPoint)
        => scale == 0 ? zeroPoint : (byte)Math.Clamp(MathF.Round(weight / scale) + zeroPoint, 0, 15);

    /// <summary>Two values a byte, the first in the low half, each row of <paramref name="width"/> values in bytes of its own.</summary>
    public static byte[] Packed(ReadOnlySpan<byte> values, int width)
    {
        var perRow = (width + 1) / 2;
        var packed = new byte[values.Length / width * perRow];
        for (var i = 0; i < values.Length; i++) packed[i / width * perRow + i % width / 2] |= (byte)(values[i] << (i % width % 2 * 4));
        return packed;
    }

    /// <summary>The largest magnitude keeps its sign and becomes -8, the one integer the other side lacks.</summary>
    private static (float Scale, byte ZeroPoint) Nearest(ReadOnlySpan<float> values)
    {
        var extreme = 0f;
        foreach (var value in values)
        {
            if (Math.Abs(value) > Math.Abs(extreme)) extreme = value;
        }
        return (extreme / -8, Middle);
    }
}
