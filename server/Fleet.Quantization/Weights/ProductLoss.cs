using System.Numerics.Tensors;

namespace Fleet.Quantization.Weights;

/// <summary>What a product loses by its weights' errors: <c>tr(Eᵀ H E)</c>, H the sums of products of its inputs.</summary>
internal static class ProductLoss
{
    /// <summary>The loss of weights that were rounded as they are.</summary>
    /// <param name="weights">The matrix, row by row.</param>
    /// <param name="columns">Outputs.</param>
    /// <param name="rounded">What it became.</param>
    /// <param name="moments">H, row by row; null where all that is known is that inputs are alike.</param>
    public static double Of(float[] weights, int columns, BlockWeights rounded, float[]? moments)
    {
        var errors = new float[weights.Length];
        for (var i = 0; i < errors.Length; i++) errors[i] = weights[i] - rounded.Real(i / columns, i % columns);
        return Of(errors, columns, moments);
    }

    /// <summary>The loss by errors.</summary>
    public static double Of(float[] errors, int columns, float[]? moments)
    {
        if (moments is null) return TensorPrimitives.SumOfSquares<float>(errors);
        var (rows, loss, gathered) = (errors.Length / columns, 0.0, new float[columns]);
        for (var row = 0; row < rows; row++)
        {
            Array.Clear(gathered);
            for (var other = 0; other < rows; other++)
                TensorPrimitives.MultiplyAdd(errors.AsSpan(other * columns, columns), moments[row * rows + other], gathered, gathered);
            loss += TensorPrimitives.Dot<float>(gathered, errors.AsSpan(row * columns, columns));
        }
        return loss;
    }
}
