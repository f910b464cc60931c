namespace Fleet.Quantization.Weights;

/// <summary>How the scale and zero point of a block are found.</summary>
internal enum BlockRounding
{
    /// <summary>The largest magnitude sets the scale.</summary>
    Nearest,
    /// <summary>With the scale and zero point of <see cref="HalfQuadratic"/>, where they come closer.</summary>
    HalfQuadratic,
}

/// <summary>A matrix as small integers in blocks along its rows, column by column; <c>real = scale (integer - zeroPoint)</c>.</summary>
/// <param name="Form">Bits and block size.</param>
/// <param name="Integers">Each column is filled up to whole blocks with what stands for zero.</param>
/// <param name="Scales">A scale for each block of each column.</param>
/// <param name="ZeroPoints">The integer that stands for zero, for each block of each column.</param>
/// <param name="Blocks">Blocks of one column.</param>
internal sealed record BlockWeights(BlockForm Form, byte[] Integers, float[] Scales, byte[] ZeroPoints, int Blocks)
{
    /// <summary>True when every zero point is the middle, which then need not be stored.</summary>
    public bool IsSymmetric => !ZeroPoints.AsSpan().ContainsAnyExcept(Form.Middle);

    /// <summary>Zeros for a matrix of <paramref name="rows"/> by <paramref name="columns"/>, to be filled block by block.</summary>
    public static BlockWeights Empty(int rows, int columns, BlockForm form)
    {
        var blocks = (rows + form.Size - 1) / form.Size;
        return new BlockWeights(
            form, new byte[columns * blocks * form.Size], new float[columns * blocks], new byte[columns * blocks], blocks);
    }

    /// <summary>Rounds a matrix of <paramref name="rows"/> by <paramref name="columns"/>, each weight by itself.</summary>
    /// <remarks>Cancellation stops between columns.</remarks>
    public static BlockWeights Of(
        ReadOnlySpan<float> weights, int rows, int columns, BlockForm form, BlockRounding rounding = BlockRounding.Nearest,
        CancellationToken cancellationToken = default)
    {
        var rounded = Empty(rows, columns, form);
        Span<float> block = stackalloc float[form.Size];
        for (var column = 0; column < columns; column++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (var i = 0; i < rounded.Blocks; i++)
            {
                var values = block[..Math.Min(form.Size, rows - i * form.Size)];
                for (var row = 0; row < values.Length; row++) values[row] = weights[(i * form.Size + row) * columns + column];
                var at = column * rounded.Blocks + i;
                rounded.Begin(at, values, rounding);
                for (var row = 0; row < values.Length; row++) rounded.Round(i * form.Size + row, column, values[row]);
            }
        }
        return rounded;
    }

    /// <summary>
    /// Finds the scale and zero point of block <paramref name="at"/> for its weights, and fills it with what stands for zero.
    /// </summary>
    public void Begin(int at, ReadOnlySpan<float> values, BlockRounding rounding)
    {
        (Scales[at], ZeroPoints[at]) = Nearest(values);
        if (rounding == BlockRounding.HalfQuadratic)
            (Scales[at], ZeroPoints[at]) = HalfQuadratic.Refine(values, Form, Scales[at], ZeroPoints[at]);
        Integers.AsSpan(at * Form.Size, Form.Size).Fill(ZeroPoints[at]);
    }

    /// <summary>Rounds a weight on the grid of its block.</summary>
    public void Round(int row, int column, float weight)
    {
        var at = column * Blocks + row / Form.Size;
        Integers[at * Form.Size + row % Form.Size] = Form.Round(weight, Scales[at], ZeroPoints[at]);
    }

    /// <summary>The weight that a row of a column has become.</summary>
    public float Real(int row, int column)
    {
        var at = column * Blocks + row / Form.Size;
        return Scales[at] * (Integers[at * Form.Size + row % Form.Size] - ZeroPoints[at]);
    }

    /// <summary>
    /// Values of <paramref name="bits"/> bits (1, 2, 4 or 8) as many as fit into a byte, the first in the lowest bits, each row of
    /// <paramref name="width"/> values in bytes of its own.
    /// </summary>
    public static byte[] Packed(ReadOnlySpan<byte> values, int width, int bits = 4)
    {
        var perByte = 8 / bits;
        var perRow = (width + perByte - 1) / perByte;
        var packed = new byte[values.Length / width * perRow];
        for (var i = 0; i < values.Length; i++)
            packed[i / width * perRow + i % width / perByte] |= (byte)(values[i] << (i % width % perByte * bits));
        return packed;
    }

    /// <summary>The largest magnitude keeps its sign and becomes the lowest integer, the one that the other side lacks.</summary>
    private (float Scale, byte ZeroPoint) Nearest(ReadOnlySpan<float> values)
    {
        var extreme = 0f;
        foreach (var value in values)
        {
            if (Math.Abs(value) > Math.Abs(extreme)) extreme = value;
        }
        return (extreme / -Form.Middle, Form.Middle);
    }
}
