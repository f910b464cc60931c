using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Logistic regression: multinomial for classes, one for each label where a sample may have several. Its penalty, on the squares of all
/// weights but those of the constant, is found on held-out training samples: from the strongest each is a quarter of the last, begun where
/// that ended, until their mean loss has risen twice. What is minimized is convex (<see cref="Lbfgs"/>), so that nothing is left to chance.
/// </summary>
internal static class LogisticRegression
{
    /// <summary>Most calls of the loss with its gradient for one penalty.</summary>
    public const int MostCalls = 100;

    private const int Penalties = 12;

    /// <summary>The strongest penalty, as a share of the mean squared length of a row; each other one, of the one before.</summary>
    private const double Strongest = 0.1, Weaker = 0.25;

    /// <summary>Fits.</summary>
    /// <param name="training">Features, a row a sample.</param>
    /// <param name="targets">1 for what a sample is, else 0 (samples, columns).</param>
    /// <param name="areExclusive">True where one target of each sample is 1.</param>
    /// <param name="folds">Rows to learn from and rows held out, to find the penalty by.</param>
    /// <param name="cancellationToken">Honoured between calls of the loss.</param>
    /// <returns>What makes logits of features, row by row.</returns>
    public static Func<IFeatures, float[]> Fit(
        IFeatures training, Tensor targets, bool areExclusive, IReadOnlyList<(int[] Training, int[] HeldOut)> folds,
        CancellationToken cancellationToken)
    {
        var columns = (int)targets.size(1);
        var (penalty, weights) = Found(training, targets, areExclusive, folds, cancellationToken);
        Lbfgs.Minimize(Loss(training, targets, areExclusive, penalty), weights, MostCalls, cancellationToken);
        return features =>
        {
            using var scope = NewDisposeScope();
            return Logits(features, weights, columns).data<float>().ToArray();
        };
    }

    /// <summary>The penalty that held-out samples are told best with, and weights to begin at.</summary>
    private static (double Penalty, float[] Weights) Found(
        IFeatures training, Tensor targets, bool areExclusive, IReadOnlyList<(int[] Training, int[] HeldOut)> folds,
        CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var length = (training.Width + 1) * (int)targets.size(1);
        Tensor Of(int[] rows) => targets.index_select(0, tensor(Array.ConvertAll(rows, row => (long)row)));
        Fold[] parts = [
            .. folds.Select(fold => new Fold(
                training.Pick(fold.Training), Of(fold.Training), training.Pick(fold.HeldOut), Of(fold.HeldOut), new float[length])),
        ];
        var scale = training.MeanSquare;
        var (penalty, weights) = (scale * Strongest * Math.Pow(Weaker, Penalties / 2), new float[length]);
        var (least, rises) = (double.PositiveInfinity, 0);
        for (var i = 0; i < Penalties && rises < 2 && parts.Length > 0; i++)
        {
            var (own, sum) = (scale * Strongest * Math.Pow(Weaker, i), 0.0);
            foreach (var part in parts)
            {
                Lbfgs.Minimize(Loss(part.Training, part.Targets, areExclusive, own), part.Weights, MostCalls, cancellationToken);
                sum += Loss(part.HeldOut, part.Asked, areExclusive, 0)(part.Weights, new float[length]) * part.HeldOut.Count;
            }
            if (sum < least)
            {
                // More samples weigh more against the same penalty.
                penalty = own * parts[0].Training.Count / training.Count;
                (least, rises) = (sum, 0);
                parts[0].Weights.CopyTo(weights, 0);
            }
            else
            {
                rises++;
            }
        }
        foreach (var part in parts) part.Release();
        return (penalty, weights);
    }

    // The mean over the rows, and its gradient by all weights: those of features first, then the constants.
    private static Func<float[], float[], double> Loss(IFeatures rows, Tensor targets, bool areExclusive, double penalty)
        => (weights, gradient) =>
        {
            using var scope = NewDisposeScope();
            var columns = (int)targets.size(1);
            var logits = Logits(rows, weights, columns);
            Tensor told, loss;
            if (areExclusive)
            {
                var logarithms = nn.functional.log_softmax(logits, 1);
                (told, loss) = (logarithms.exp(), -(logarithms * targets));
            }
            else
            {
                (told, loss) = (logits.sigmoid(), nn.functional.softplus(logits) - logits * targets);
            }
            var residual = (told - targets) / rows.Count;
            rows.TransposedTimes(residual, gradient);
            residual.sum([0L]).data<float>().CopyTo(gradient, rows.Width * columns);
            var own = weights.AsSpan(0, rows.Width * columns);
            var into = gradient.AsSpan(0, rows.Width * columns);
            TensorPrimitives.MultiplyAdd(own, (float)penalty, into, into);
            return loss.sum(ScalarType.Float64).item<double>() / rows.Count + penalty / 2 * TensorPrimitives.SumOfSquares<float>(own);
        };

    private static Tensor Logits(IFeatures rows, float[] weights, int columns)
    {
        var split = rows.Width * columns;
        return rows.Times(weights.AsMemory(0, split), columns) + tensor(weights.AsMemory(split), [columns]);
    }

    private sealed record Fold(IFeatures Training, Tensor Targets, IFeatures HeldOut, Tensor Asked, float[] Weights)
    {
        public void Release()
        {
            (Training as IDisposable)?.Dispose();
            (HeldOut as IDisposable)?.Dispose();
        }
    }
}
