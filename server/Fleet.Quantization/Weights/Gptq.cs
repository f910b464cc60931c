using System.Numerics.Tensors;

namespace Fleet.Quantization.Weights;

/// <summary>
/// GPTQ (E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", arXiv 2210.17323): the
/// weights of a product are rounded input by input, and what rounding one took off is given to those after it, as far as their inputs are
/// alike. With <c>H = Σ x xᵀ</c> over the inputs and <c>e</c> the errors of an output's weights, what the product loses is
/// <code>eᵀ H e = Σ_k D_k (e_k + Σ_(j&lt;k) e_j U_jk)²,  H = (I + U) D (I + U)ᵀ with U strictly upper triangular</code>
/// so that weight k, once those before it are rounded, is best rounded from <c>w_k + Σ_(j&lt;k) e_j U_jk</c>. That is the paper's
/// elimination from the inverse of H without the inverse, as J. Chee et al. show ("QuIP", arXiv 2307.13304). A block's scale and zero point
/// are found when its turn comes.
/// </summary>
internal sealed class Gptq
{
    /// <summary>Share of the mean of H's diagonal that is added to it, as in the paper: samples say little of rare directions.</summary>
    private const double Damping = 0.01;

    /// <summary>For each input what it takes of the error of each input before it.</summary>
    private readonly float[][] _shares;

    /// <summary>Prepares to round the weights of products that read the same value.</summary>
    /// <param name="moments">H: sums of products of every two inputs, row by row.</param>
    /// <param name="inputs">How many inputs there are.</param>
    /// <param name="cancellationToken">Stops between inputs: for thousands of them this takes longer than all rounding.</param>
    /// <exception cref="ArithmeticException">The sums are no sums of products, as where they are not finite.</exception>
    public Gptq(ReadOnlySpan<float> moments, int inputs, CancellationToken cancellationToken = default)
    {
        var damping = 0.0;
        for (var i = 0; i < inputs; i++) damping += Damping * moments[i * inputs + i] / inputs;
        // Inputs that were never seen have no say; one that stands alone makes H what rounding to nearest is best for.
        if (damping <= 0) damping = 1;
        // Cholesky's factor is lower triangular: of H backwards it is the upper one of H.
        var factor = new double[inputs][];
        for (var row = 0; row < inputs; row++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var own = factor[row] = new double[row + 1];
            for (var column = 0; column < row; column++)
            {
                var other = factor[column];
                var rest = moments[(inputs - 1 - row) * inputs + inputs - 1 - column]
                    - TensorPrimitives.Dot<double>(own.AsSpan(0, column), other.AsSpan(0, column));
                own[column] = rest / other[column];
            }
            var square = moments[(inputs - 1 - row) * (inputs + 1)] + damping - TensorPrimitives.SumOfSquares<double>(own.AsSpan(0, row));
            if (!(square > 0)) throw new ArithmeticException("What a layer reads could not be weighed: its values are too large or alike.");
            own[row] = Math.Sqrt(square);
        }
        _shares = new float[inputs][];
        for (var input = 0; input < inputs; input++)
        {
            var (at, shares) = (inputs - 1 - input, _shares[input] = new float[input]);
            for (var before = 0; before < input; before++)
                shares[before] = (float)(factor[inputs - 1 - before][at] / factor[at][at]);
        }
    }

    /// <summary>Rounds a matrix of the inputs by outputs to signed bytes, each output on a scale of its own.</summary>
    /// <param name="weights">The matrix, row by row.</param>
    /// <param name="scales">One for each output.</param>
    /// <param name="largestPair">Largest sum of the integers of inputs 2 k and 2 k + 1; null where nothing adds them.</param>
    /// <param name="cancellationToken">Stops between inputs.</param>
    public sbyte[] Round(
        ReadOnlySpan<float> weights, ReadOnlySpan<float> scales, int? largestPair, CancellationToken cancellationToken = default)
    {
        var (rows, columns, levels) = (_shares.Length, scales.Length, Levels.OfWeights(8));
        var (integers, errors, wished) = (new sbyte[weights.Length], new float[weights.Length], new float[columns]);
        for (var row = 0; row < rows; row++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            weights.Slice(row * columns, columns).CopyTo(wished);
            for (var other = 0; other < row; other++)
                TensorPrimitives.MultiplyAdd(errors.AsSpan(other * columns, columns), _shares[row][other], wished, wished);
            for (var (column, i) = (0, row * columns); column < columns; column++, i++)
            {
                var (lowest, highest) = (levels.Lowest, levels.Highest);
                if (largestPair is { } largest && row % 2 == 1)
                    (lowest, highest) = (Math.Max(lowest, -largest - integers[i - columns]),
                        Math.Min(highest, largest - integers[i - columns]));
                integers[i] = (sbyte)Math.Clamp(MathF.Round(wished[column] / scales[column]), lowest, highest);
                errors[i] = weights[i] - integers[i] * scales[column];
            }
        }
        return integers;
    }

    /// <summary>Rounds a matrix of the inputs by <paramref name="columns"/>.</summary>
    /// <param name="weights">The matrix, row by row.</param>
    /// <param name="columns">Outputs.</param>
    /// <param name="form">Bits and block size.</param>
    /// <param name="rounding">How the scale of a block is found.</param>
    /// <param name="cancellationToken">Stops between blocks.</param>
    public BlockWeights Round(
        ReadOnlySpan<float> weights, int columns, BlockForm form, BlockRounding rounding, CancellationToken cancellationToken = default)
    {
        var rows = _shares.Length;
        var rounded = BlockWeights.Empty(rows, columns, form);
        var (wished, errors) = (weights.ToArray(), new float[weights.Length]);
        var block = new float[form.Size];
        for (var from = 0; from < rows; from += form.Size)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var to = Math.Min(rows, from + form.Size);
            for (var row = from; row < to; row++) Take(row, 0, from);
            // The scale of a block is found for its weights as they would be best, were they not rounded at all.
            var taken = Rows(wished, from, to).ToArray();
            for (var row = from; row < to; row++)
            {
                Take(row, from, row);
                TensorPrimitives.Subtract(Rows(weights, row, row + 1), Rows(wished, row, row + 1), errors.AsSpan(row * columns, columns));
            }
            for (var column = 0; column < columns; column++)
            {
                for (var row = from; row < to; row++) block[row - from] = wished[row * columns + column];
                rounded.Begin(column * rounded.Blocks + from / form.Size, block.AsSpan(0, to - from), rounding);
            }
            taken.CopyTo(wished, from * columns);
            for (var row = from; row < to; row++)
            {
                Take(row, from, row);
                for (var (column, i) = (0, row * columns); column < columns; column++, i++)
                {
                    rounded.Round(row, column, wished[i]);
                    errors[i] = weights[i] - rounded.Real(row, column);
                }
            }
        }
        return rounded;

        ReadOnlySpan<float> Rows(ReadOnlySpan<float> matrix, int first, int end) => matrix[(first * columns)..(end * columns)];

        void Take(int row, int first, int end)
        {
            var own = wished.AsSpan(row * columns, columns);
            for (var other = first; other < end; other++)
                TensorPrimitives.MultiplyAdd(errors.AsSpan(other * columns, columns), _shares[row][other], own, own);
        }
    }
}
