using static TorchSharp.torch;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Linear least squares with a penalty on the weights (Hoerl, Kennard, Technometrics 12, 1970). Of fifteen penalties the one is taken
/// whose predictions of each training sample by all others are closest, which one decomposition tells for all
/// (Golub, Heath, Wahba, Technometrics 21, 1979): with <c>H</c> the hat matrix, a sample's error when left out is
/// <c>e_i / (1 - h_ii)</c>. Nothing else is set, so that nobody can set it badly. Cost grows with the samples times the square of the
/// features, or of the samples where these are fewer.
/// </summary>
internal static class Ridge
{
    private const int Penalties = 15;
    private const double Smallest = 1e-6, Largest = 1e2;

    /// <summary>Fits training rows.</summary>
    /// <param name="training">Features, a row a sample (samples, features), of double precision.</param>
    /// <param name="targets">What each is to become (samples, columns).</param>
    /// <returns>What makes columns of features, a row a sample, of double precision. Belongs to the caller's dispose scope.</returns>
    public static Func<Tensor, Tensor> Fit(Tensor training, Tensor targets)
    {
        using var scope = NewDisposeScope();
        var (mean, middle) = (training.mean([0L], keepdim: true), targets.mean([0L], keepdim: true));
        var deviation = (training - mean).pow(2).mean([0L], keepdim: true).sqrt();
        // What never changes tells nothing, and would be divided by nothing.
        deviation = where(deviation > 1e-9, deviation, ones_like(deviation));
        var (x, y) = ((training - mean) / deviation, targets - middle);
        var samples = x.size(0);
        var (left, squares, right) = Decomposed(x);
        var projected = left.t().mm(y);
        var scale = squares.mean().item<double>();
        var (best, leastError) = (zeros_like(squares), double.PositiveInfinity);
        for (var i = 0; i < Penalties; i++)
        {
            var penalty = scale * Smallest * Math.Pow(Largest / Smallest, (double)i / (Penalties - 1));
            var kept = squares / (squares + penalty);
            var hat = left.pow(2).mv(kept) + 1.0 / samples;
            var errors = (y - left.mm(projected * kept.unsqueeze(1))) / (1 - hat).clamp_min(1e-9).unsqueeze(1);
            if (errors.pow(2).mean().item<double>() is var error && error < leastError)
                (best, leastError) = (squares.sqrt() / (squares + penalty), error);
        }
        // Behind scaling and centring both ways.
        var weights = right.mm(projected * best.unsqueeze(1)) / deviation.t();
        var bias = middle - mean.mm(weights);
        weights.MoveToOuterDisposeScope();
        bias.MoveToOuterDisposeScope();
        return features => features.mm(weights) + bias;
    }

    /// <summary>Singular vectors and squares of singular values, by the smaller of the two Gram matrices.</summary>
    private static (Tensor Left, Tensor Squares, Tensor Right) Decomposed(Tensor x)
    {
        const double Vanishing = 1e-10;
        var isWide = x.size(1) > x.size(0);
        var (values, vectors) = linalg.eigh(isWide ? x.mm(x.t()) : x.t().mm(x));
        var present = (values > Vanishing * values.max().clamp_min(0)).nonzero().squeeze(1);
        var (squares, some) = (values.index_select(0, present), vectors.index_select(1, present));
        return isWide
            ? (some, squares, x.t().mm(some) / squares.sqrt())
            : (x.mm(some) / squares.sqrt(), squares, some);
    }
}
