using System.Numerics.Tensors;

namespace Fleet.Quantization.Weights;

/// <summary>
/// Half-quadratic quantization (H. Badri, A. Shaji, "Half-Quadratic Quantization of Large Machine Learning Models", 2023): a zero
/// point that makes the error sparse, without data. With <c>phi</c> the l_p norm for p below 1,
/// <c>min over z, E: phi(E) + beta/2 |E - (W - W_q(z))|²</c> is solved in turns,
/// <list type="bullet">
/// <item>the error by shrinking: <c>E = sign(r) max(0, |r| - |r|^(p-1) / beta)</c> with <c>r = W - W_q(z)</c>,</item>
/// <item>the zero point in closed form: <c>z = mean(q - (W - E) / s)</c>, beta growing at each turn.</item>
/// </list>
/// The paper leaves the zero point real and the scale as it was. The runtime's is an integer of as few bits, so the real one is rounded,
/// and the scale then fitted to the integers by least squares. The block keeps whichever it had or gets is closer to the weights.
/// </summary>
internal static class HalfQuadratic
{
    private const double Power = 0.7, FirstBeta = 10, BetaGrowth = 1.01;
    private const int Turns = 20, Fittings = 3;

    /// <summary>A zero point that moves by less has come to rest: it is rounded to an integer in the end.</summary>
    private const double Still = 1e-3;

    /// <summary>A scale and zero point for <paramref name="values"/>, no further from them than the given.</summary>
    public static (float Scale, byte ZeroPoint) Refine(ReadOnlySpan<float> values, BlockForm form, float scale, byte zeroPoint)
    {
        var best = Fitted(values, form, scale, zeroPoint);
        if (SquaredError(values, form, scale, zeroPoint) is var given && given <= best.Error) best = (scale, zeroPoint, given);
        var (low, high) = (Math.Min(0, TensorPrimitives.Min(values)), Math.Max(0, TensorPrimitives.Max(values)));
        var whole = ((double)high - low) / form.Highest;
        // Too small or too large to divide by: there is nothing to refine.
        if (!float.IsNormal((float)whole)) return (best.Scale, best.ZeroPoint);
        var zero = Math.Clamp(Math.Round(ZeroPointOf(values, form, whole, -low / whole)), 0, form.Highest);
        var robust = Fitted(values, form, (float)whole, (byte)zero);
        return robust.Error < best.Error ? (robust.Scale, robust.ZeroPoint) : (best.Scale, best.ZeroPoint);
    }

    private static double ZeroPointOf(ReadOnlySpan<float> values, BlockForm form, double scale, double zeroPoint)
    {
        // A block has at most some hundred values, and a model hundreds of thousands of blocks.
        Span<double> weights = stackalloc double[values.Length];
        Span<double> residuals = stackalloc double[values.Length], shrunk = stackalloc double[values.Length];
        Span<double> taken = stackalloc double[values.Length];
        // In units of the scale, so that what counts as an outlier does not depend on the size of the weights.
        for (var i = 0; i < values.Length; i++) weights[i] = values[i] / scale;
        var whole = TensorPrimitives.Sum<double>(weights);
        for (var (turn, beta) = (0, FirstBeta); turn < Turns; turn++, beta *= BetaGrowth)
        {
            TensorPrimitives.Add(weights, zeroPoint, residuals);
            TensorPrimitives.Round(residuals, residuals);
            TensorPrimitives.Clamp(residuals, 0, form.Highest, residuals);
            var integers = TensorPrimitives.Sum<double>(residuals);
            TensorPrimitives.Subtract(weights, residuals, residuals);
            TensorPrimitives.Add(residuals, zeroPoint, residuals);
            // Zero to a negative power is infinite, and what is left of zero is zero.
            TensorPrimitives.Abs<double>(residuals, shrunk);
            TensorPrimitives.Pow(shrunk, Power - 1, taken);
            TensorPrimitives.Divide(taken, beta, taken);
            TensorPrimitives.Subtract(shrunk, taken, shrunk);
            TensorPrimitives.Max(shrunk, 0, shrunk);
            TensorPrimitives.CopySign(shrunk, residuals, shrunk);
            var moved = (integers - whole + TensorPrimitives.Sum<double>(shrunk)) / values.Length;
            if (Math.Abs(moved - zeroPoint) < Still) return moved;
            zeroPoint = moved;
        }
        return zeroPoint;
    }

    /// <summary>The scale that fits best to a zero point, found with the integers in turns.</summary>
    private static (float Scale, byte ZeroPoint, double Error) Fitted(
        ReadOnlySpan<float> values, BlockForm form, float scale, byte zeroPoint)
    {
        var best = (Scale: scale, ZeroPoint: zeroPoint, Error: SquaredError(values, form, scale, zeroPoint));
        for (var i = 0; i < Fittings && scale != 0; i++)
        {
            double product = 0, square = 0;
            foreach (var value in values)
            {
                double level = form.Round(value, scale, zeroPoint) - zeroPoint;
                product += value * level;
                square += level * level;
            }
            if (square == 0) break;
            scale = (float)(product / square);
            if (SquaredError(values, form, scale, zeroPoint) is var error && error < best.Error) best = (scale, zeroPoint, error);
        }
        return best;
    }

    private static double SquaredError(ReadOnlySpan<float> values, BlockForm form, float scale, byte zeroPoint)
    {
        double sum = 0;
        foreach (var value in values)
        {
            double error = value - scale * (form.Round(value, scale, zeroPoint) - zeroPoint);
            sum += error * error;
        }
        return sum;
    }
}
