using Fleet.Modeling.Data;
using Fleet.Modeling.Floors;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation;

/// <summary>
/// Makes a student of family <c>prototypes</c> of normal samples: principal components for its code, and the means of clusters of codes for
/// its prototypes. Nothing of it descends a gradient. Runs on the calling thread.
/// </summary>
internal static class PrototypeFit
{
    /// <summary>
    /// Share of the typical variance that is added to that of each component before the code is divided by its root: what varies less than
    /// that counts as noise. 0 would be Mahalanobis' distance, and infinity Euclid's.
    /// </summary>
    private const double Shrinkage = 0.1;

    /// <summary>
    /// Values of the samples that are learned from, and of their distances from the prototypes: 80 MB in double precision each, of which a
    /// fit holds some copies.
    /// </summary>
    private const long MostValues = 10_000_000;

    /// <summary>Most values of a sample that are weighed against each other; of more, at most so many samples are instead.</summary>
    private const int MostPairs = 2_048;

    private const int MostRounds = 50;

    /// <summary>Sets the weights of a network of that family, and its prototypes.</summary>
    /// <param name="network">Its plan has <see cref="Projection"/> and a <see cref="Reconstruction"/> behind each other.</param>
    /// <param name="training">Normal samples, at least one.</param>
    /// <param name="seed">Of the first prototypes.</param>
    /// <param name="cancellationToken">Honoured at every prototype and every round.</param>
    public static void Apply(Network network, SampleSet training, int seed, CancellationToken cancellationToken)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (projection, head) = ((Projection)network.Plan.Layers[^2], (Reconstruction)network.Plan.Head);
        var width = training.SampleLength;
        var most = Math.Min(MostValues / Math.Max(width, Reconstruction.PrototypeCount), width > MostPairs ? MostPairs : int.MaxValue);
        var rows = FeatureRows.Scaled(training.Take((int)Math.Clamp(most, 1, training.Count)), network.Normalization);
        var values = new float[rows.Count * rows.Width];
        rows.Write(0, values);
        var samples = tensor(values, [rows.Count, width]).to_type(ScalarType.Float64);
        var mean = samples.mean([0L]);
        var centred = samples - mean;
        var (variances, components, unit) = Components(centred, projection.Units);
        cancellationToken.ThrowIfCancellationRequested();

        // A code is worth as much as an error of the same size: without whitening their sum is the distance from the prototype itself.
        var noise = Math.Max(Shrinkage * unit, 1e-12);
        var factors = (noise / (width * (variances + noise))).sqrt();
        var into = components * factors;
        network.Set(network.Plan.Layers.Count - 2, into.t(), -mean.unsqueeze(0).mm(into).flatten());
        network.Set(network.Plan.Layers.Count - 1, components / factors, mean);
        var codes = centred.mm(into);
        var prototypes = Clusters(codes, Reconstruction.PrototypeCount, new Random(seed), cancellationToken);
        network.Answer(head with { Prototypes = prototypes.to_type(ScalarType.Float32).contiguous().data<float>().ToArray() });
    }

    /// <summary>
    /// Variances of so many components and the components, a column each, the largest first, and the mean variance that a
    /// unit of variance belongs to: the sum of their squares over their sum.
    /// </summary>
    private static (Tensor Variances, Tensor Components, double Unit) Components(Tensor centred, int count)
    {
        var (samples, width) = (centred.size(0), centred.size(1));
        // Of fewer samples than values the products of samples say the same (Sirovich, Kirby, 1987).
        var isWide = width > samples;
        var (rising, vectors) = linalg.eigh((isWide ? centred.mm(centred.t()) : centred.t().mm(centred)) / samples);
        var (variances, unit) = (rising.flip(0).clamp_min(0), 0.0);
        if (variances.sum().item<double>() is > 0 and var total) unit = variances.square().sum().item<double>() / total;
        var directions = vectors.flip(1);
        if (isWide)
        {
            directions = centred.t().mm(directions);
            directions /= directions.norm(0, keepdim: true).clamp_min(1e-12);
        }
        var kept = Math.Min(count, variances.size(0));
        (variances, directions) = (variances.narrow(0, 0, kept), directions.narrow(1, 0, kept));
        // Directions of no variance at all, such as the last one where samples are few, are any direction: none is taken.
        directions *= (variances > 1e-9 * unit).to_type(ScalarType.Float64);
        return kept == count ? (variances, directions, unit)
            : (cat([variances, zeros(count - kept, ScalarType.Float64)]),
                cat([directions, zeros(width, count - kept, ScalarType.Float64)], 1), unit);
    }

    /// <summary>
    /// Means of clusters (Lloyd, 1982) that begin far from each other (Arthur, Vassilvitskii, k-means++, SODA 2007); as many rows as asked,
    /// some of them alike where there are fewer samples. What a step or a round holds is freed when it ends.
    /// </summary>
    private static Tensor Clusters(Tensor codes, int count, Random random, CancellationToken cancellationToken)
    {
        var samples = (int)codes.size(0);
        var centres = codes[random.Next(samples)].unsqueeze(0);
        while (centres.size(0) < count)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var step = NewDisposeScope();
            var apart = Distances(codes, centres).amin([1L]).clamp_min(0).data<double>().ToArray();
            var (left, next) = (random.NextDouble() * apart.Sum(), 0);
            while (next < samples - 1 && (left -= apart[next]) > 0) next++;
            centres = cat([centres, codes[next].unsqueeze(0)]).MoveToOuterDisposeScope();
        }
        var before = double.PositiveInfinity;
        for (var round = 0; round < MostRounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var step = NewDisposeScope();
            var (apart, nearest) = Distances(codes, centres).min(1);
            if (apart.sum().item<double>() is var sum && sum >= before * (1 - 1e-9)) break;
            before = sum;
            var members = nn.functional.one_hot(nearest, count).to_type(ScalarType.Float64);
            var sizes = members.sum(0L).unsqueeze(1);
            centres = where(sizes > 0, members.t().mm(codes) / sizes.clamp_min(1), centres).MoveToOuterDisposeScope();
        }
        return centres;
    }

    private static Tensor Distances(Tensor codes, Tensor centres)
        => codes.square().sum(1L, keepdim: true) - 2 * codes.mm(centres.t()) + centres.square().sum(1L);
}
