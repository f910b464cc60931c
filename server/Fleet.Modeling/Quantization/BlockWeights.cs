namespace Fleet.Modeling.Quantization;

/// <summary>A matrix as 4-bit integers in blocks along its rows, in the layout of MatMulNBits.</summary>
/// <param name="Values">Column by column, block by block, two values a byte, the first in the low half; 8 stands for zero.</param>
/// <param name="Scales">A scale for each block of each column.</param>
/// <param name="Blocks">Blocks of one column; the last is filled up with zeros.</param>
internal sealed record BlockWeights(byte[] Values, float[] Scales, int Blocks)
{
    /// <summary>Rounds a matrix of <paramref name="rows"/> by <paramref name="columns"/>.</summary>
    public static BlockWeights Of(ReadOnlySpan<float> weights, int rows, int columns, int blockSize)
    {
        var blocks = (rows + blockSize - 1) / blockSize;
        var values = new byte[columns * blocks * blockSize / 2];
        var scales = new float[columns * blocks];
        for (var column = 0; column < columns; column++)
        {
            for (var block = 0; block < blocks; block++)
            {
                var (from, to) = (block * blockSize, Math.Min(rows, (block + 1) * blockSize));
                var extreme = 0f;
                for (var row = from; row < to; row++)
                {
                    var weight = weights[row * columns + column];
                    if (Math.Abs(weight) > Math.Abs(extreme)) extreme = weight;
                }
                // The largest magnitude keeps its sign and becomes -8, the one integer the other side lacks.
                var scale = extreme / -8;
                scales[column * blocks + block] = scale;
                for (var row = from; row < from + blockSize; row++)
                {
                    var integer = row < to && scale != 0 ? (int)Math.Clamp(MathF.Round(weights[row * columns + column] / scale), -8, 7) + 8 : 8;
                    values[((column * blocks + block) * blockSize + row - from) / 2] |= (byte)(integer << ((row - from) % 2 * 4));
                }
            }
        }
        return new BlockWeights(values, scales, blocks);
    }
}
