using static TorchSharp.torch;

namespace Fleet.Modeling.Floors;

/// <summary>
/// How far samples are from normal ones, without a network: each fits features of normal samples, a row a sample in double precision, and
/// answers others with a distance each. Tensors belong to the caller's dispose scope.
/// </summary>
internal static class AnomalyFloors
{
    /// <summary>Share of the variance that principal components keep.</summary>
    private const double KeptVariance = 0.95;

    /// <summary>
    /// Squared Mahalanobis distance to the mean, by a covariance that is drawn towards a multiple of the identity (Ledoit, Wolf, A
    /// well-conditioned estimator for large-dimensional covariance matrices, Journal of Multivariate Analysis 88, 2004).
    /// </summary>
    public static Func<Tensor, Tensor> Mahalanobis(Tensor training)
    {
        using var scope = NewDisposeScope();
        var (count, width) = (training.size(0), training.size(1));
        var mean = training.mean([0L], keepdim: true);
        var x = training - mean;
        var covariance = x.t().mm(x) / count;
        var scale = covariance.trace().item<double>() / width;
        var identity = eye(width, dtype: ScalarType.Float64);
        var apart = (covariance - identity * scale).square().sum().item<double>();
        // The mean of |x x' - S|² over samples is that of |x|⁴ less |S|².
        var noise = (x.square().sum(1L).square().mean().item<double>() - covariance.square().sum().item<double>()) / count;
        var shrinkage = apart > 0 ? Math.Clamp(noise / apart, 0, 1) : 1;
        var shrunk = covariance * (1 - shrinkage) + identity * (shrinkage * scale + 1e-12);
        var inverse = linalg.inv(shrunk);
        mean.MoveToOuterDisposeScope();
        inverse.MoveToOuterDisposeScope();
        return rows => ((rows - mean).mm(inverse) * (rows - mean)).sum(1L, keepdim: true);
    }

    /// <summary>Squared distance to the nearest of the training samples.</summary>
    public static Func<Tensor, Tensor> Nearest(Tensor training)
    {
        var squares = training.square().sum(1L);
        return rows => (squares - 2 * rows.mm(training.t()) + rows.square().sum(1L, keepdim: true)).amin([1L], keepdim: true);
    }

    /// <summary>Squared error of what principal components with 95 % of the variance rebuild: a linear autoencoder.</summary>
    public static Func<Tensor, Tensor> PrincipalComponents(Tensor training)
    {
        using var scope = NewDisposeScope();
        var mean = training.mean([0L], keepdim: true);
        var x = training - mean;
        var (values, vectors) = linalg.eigh(x.t().mm(x));
        var (rising, kept, width) = (values.clamp_min(0).data<double>().ToArray(), 0.0, 0);
        while (width < rising.Length && kept < KeptVariance * rising.Sum()) kept += rising[^++width];
        var components = vectors.narrow(1, rising.Length - width, width).contiguous();
        mean.MoveToOuterDisposeScope();
        components.MoveToOuterDisposeScope();
        return rows =>
        {
            var centred = rows - mean;
            return (centred - centred.mm(components).mm(components.t())).square().mean([1L], keepdim: true);
        };
    }
}
