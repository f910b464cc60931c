using static TorchSharp.torch;

namespace Fleet.Modeling.Floors;

/// <summary>Answers a sample as the training sample nearest to it is labelled. Cost grows with the product of both counts.</summary>
internal static class NearestNeighbour
{
    /// <param name="training">Features, a row a sample.</param>
    /// <param name="targets">What each is labelled with (samples, columns).</param>
    /// <returns>What makes columns of features. Belongs to the caller's dispose scope.</returns>
    public static Func<Tensor, Tensor> Fit(Tensor training, Tensor targets)
    {
        var squares = training.pow(2).sum(1L);
        // |a - b|² is |a|² - 2ab + |b|², of which |a|² is the same for all b.
        return features => targets[(squares - 2 * features.mm(training.t())).argmin(1L)];
    }
}
