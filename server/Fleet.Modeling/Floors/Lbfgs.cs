using System.Numerics.Tensors;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Minimizes a smooth function by limited-memory BFGS (Liu, Nocedal, On the limited memory BFGS method for large scale optimization,
/// Mathematical Programming 45, 1989). A step is halved until it lowers the function as much as its slope promises (Armijo). Holds sixteen
/// arrays of the length of a point.
/// </summary>
internal static class Lbfgs
{
    /// <summary>Steps that curvature is told from.</summary>
    private const int History = 6;

    /// <summary>Share of the decrease that the slope promises which a step must reach.</summary>
    private const double Sufficient = 1e-4;

    private const int MostHalvings = 40;

    /// <summary>It ends where two steps in a row lower the function by no larger a share of it.</summary>
    private const double Tolerance = 1e-4;

    /// <summary>Minimizes.</summary>
    /// <param name="function">Its value at a point, the first array; writes the gradient there into the second.</param>
    /// <param name="point">Where to begin; where it ended, behind it.</param>
    /// <param name="mostCalls">Most calls of the function.</param>
    /// <param name="cancellationToken">Honoured between calls.</param>
    /// <returns>The value there.</returns>
    public static double Minimize(
        Func<float[], float[], double> function, float[] point, int mostCalls, CancellationToken cancellationToken)
    {
        var (gradient, next, nextGradient, direction) = (
            new float[point.Length], new float[point.Length], new float[point.Length], new float[point.Length]);
        var pairs = new List<(float[] Step, float[] Change, double Curvature)>();
        var value = function(point, gradient);
        var (calls, still) = (1, 0);
        while (calls < mostCalls && still < 2)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Direct(gradient, pairs, direction);
            // Nothing tells yet how far a gradient carries: of pictures that are not centred a step of its length is far too long.
            if (pairs.Count == 0) TensorPrimitives.Divide(direction, (float)Math.Max(1, Math.Sqrt(Dot(gradient, gradient))), direction);
            var slope = Dot(gradient, direction);
            if (slope >= 0) break;
            var (step, reached) = (1.0, double.PositiveInfinity);
            for (var halvings = 0; halvings < MostHalvings && calls < mostCalls; halvings++, step /= 2)
            {
                TensorPrimitives.MultiplyAdd(direction, (float)step, point, next);
                reached = function(next, nextGradient);
                calls++;
                if (reached <= value + Sufficient * step * slope) break;
            }
            // What is left is within rounding, or no call is.
            if (!(reached < value)) break;
            Remember(pairs, point, next, gradient, nextGradient);
            still = value - reached <= Tolerance * Math.Abs(reached) ? still + 1 : 0;
            next.CopyTo(point, 0);
            (gradient, nextGradient, value) = (nextGradient, gradient, reached);
        }
        return value;
    }

    // Two loops over the pairs multiply the gradient by what they tell of the inverse Hessian.
    private static void Direct(float[] gradient, List<(float[] Step, float[] Change, double Curvature)> pairs, float[] direction)
    {
        TensorPrimitives.Negate(gradient, direction);
        var shares = new double[pairs.Count];
        for (var i = pairs.Count - 1; i >= 0; i--)
        {
            shares[i] = Dot(pairs[i].Step, direction) / pairs[i].Curvature;
            TensorPrimitives.MultiplyAdd(pairs[i].Change, (float)-shares[i], direction, direction);
        }
        if (pairs is [.., var last])
            TensorPrimitives.Multiply(direction, (float)(last.Curvature / Dot(last.Change, last.Change)), direction);
        for (var i = 0; i < pairs.Count; i++)
        {
            var share = shares[i] - Dot(pairs[i].Change, direction) / pairs[i].Curvature;
            TensorPrimitives.MultiplyAdd(pairs[i].Step, (float)share, direction, direction);
        }
    }

    private static void Remember(
        List<(float[] Step, float[] Change, double Curvature)> pairs, float[] point, float[] next, float[] gradient, float[] nextGradient)
    {
        var (step, change) = (new float[point.Length], new float[point.Length]);
        if (pairs.Count == History)
        {
            (step, change, _) = pairs[0];
            pairs.RemoveAt(0);
        }
        TensorPrimitives.Subtract(next, point, step);
        TensorPrimitives.Subtract(nextGradient, gradient, change);
        // Of a convex function it is above zero, but for rounding.
        if (Dot(step, change) is > 0 and var curvature) pairs.Add((step, change, curvature));
    }

    private static double Dot(float[] one, float[] other) => TensorPrimitives.Dot<float>(one, other);
}
