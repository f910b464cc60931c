using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Decisions;
using Fleet.Modeling.Students;
using Fleet.Quantization;
using static TorchSharp.torch;

namespace Fleet.Modeling.Floors;

/// <summary>
/// What anybody could have without training a network: the commonest answer, a linear model, the nearest training sample, and random
/// convolutions of series. A network that is no better than one of them has learned nothing that pays for it. They learn from the training
/// samples alone, are told nothing else, and are judged on the test samples as the networks are.
/// </summary>
/// <param name="data">The samples.</param>
/// <param name="normalization">How networks scale them.</param>
/// <param name="seed">Seed of what is random.</param>
/// <param name="falsePositiveRate">Share of normal samples above the threshold, where anomalies are sought.</param>
internal sealed class SimpleModels(
    DataSet data, Normalization normalization, int seed, double falsePositiveRate = AnomalySpec.UsualFalsePositiveRate)
{
    /// <summary>Most features that are weighed against each other; where there are more, at most so many samples are instead.</summary>
    private const int MostPairs = 2_048;

    /// <summary>Numbers of all features of all training samples: 80 MB, of which a fit holds some copies.</summary>
    private const long MostValues = 10_000_000;

    /// <summary>Terms of texts where all are held, those of a text that are zero too.</summary>
    private const int MostTerms = 2_048;

    /// <summary>Features that logistic regression is given: 256 MB, once more as rows.</summary>
    private const long MostRegressed = 64_000_000;

    /// <summary>Weights of logistic regression: 8 MB, of which <see cref="Lbfgs"/> holds some twenty copies.</summary>
    private const int MostWeights = 2_000_000;

    /// <summary>
    /// Multiplications of one call of its loss: with <see cref="LogisticRegression.MostCalls"/>, minutes on one core for all of a fit.
    /// </summary>
    private const double MostWork = 4e9;

    /// <summary>Samples that the penalty is found on.</summary>
    private const int MostPenalized = 8_000;

    /// <summary>With so many samples a fifth of them tells as much as five fifths.</summary>
    private const int ManyPenalized = 1_000;

    /// <summary>Samples that others are compared with one by one.</summary>
    private const int MostNeighbours = 5_000;

    /// <summary>Their values: 160 MB, and as much again while they are compared.</summary>
    private const long MostCompared = 20_000_000;

    /// <summary>The models, one after the other; none for boxes.</summary>
    public IEnumerable<Floor> Answers(Progress progress, CancellationToken cancellationToken)
    {
        if (data.Training.Labels is BoxLabels) yield break;
        if (data.Training.Labels is AnomalyLabels)
        {
            foreach (var floor in OfAnomalies(progress, cancellationToken)) yield return floor;
            yield break;
        }
        yield return Commonest();
        progress.Report(0.1, "a linear model");
        var (training, asked) = Features();
        yield return Regressed(training, asked, cancellationToken);
        progress.Report(0.4, "nearest neighbours");
        yield return Nearest(training, asked, cancellationToken);
        if (data.Training.Given() is not { SampleShape.Count: 2, Vocabulary: null }) yield break;
        progress.Report(0.6, "random kernels");
        yield return Kernels(cancellationToken);
    }

    /// <summary>Distances from normal samples; none where no anomaly tells how good they are.</summary>
    private IEnumerable<Floor> OfAnomalies(Progress progress, CancellationToken cancellationToken)
    {
        if (data.Test.Labels is not AnomalyLabels { HasBoth: true }) yield break;
        yield return new Floor("constant", "one score for every sample", new float[data.Test.Count]);
        var (training, asked) = Features();
        var held = FeatureRows.Scaled(data.Validation, normalization);
        Floor Of(string name, string description, double done, Func<Tensor, Func<Tensor, Tensor>> fit)
        {
            progress.Report(done, description);
            var most = Math.Min(MostNeighbours, (int)(MostValues / training.Width));
            var (floor, ofHeld) = Fitted(name, description, training, [asked, held], most, (rows, _) => fit(rows), cancellationToken);
            // The threshold is found as a network's is.
            var threshold = AnomalyThreshold.Of(ofHeld, falsePositiveRate);
            return floor with { Outputs = [.. floor.Outputs.Select(distance => distance / threshold)] };
        }
        if (training.Width <= MostPairs)
        {
            yield return Of("distance", "Mahalanobis distance from the mean", 0.2, AnomalyFloors.Mahalanobis);
            yield return Of("pca", "error of principal components", 0.5, AnomalyFloors.PrincipalComponents);
        }
        yield return Of("nearest", "distance from the nearest training sample", 0.8, AnomalyFloors.Nearest);
    }

    private Floor Commonest()
    {
        if (data.Training.Labels is ValueLabels values)
            return new Floor("mean", "the mean of the training labels", Repeated(values.Mean()));
        if (data.Training.Labels is LabelSets sets) return CommonestSet(sets);
        var commonest = data.Training.ClassNumbers.CountBy(label => label).MaxBy(label => label.Value).Key;
        var answer = new float[data.Columns];
        answer[commonest] = 1;
        return new Floor("majority", $"always '{data.Classes[(int)commonest]}', the commonest class", Repeated(answer));
    }

    // Nothing at all is what most samples have of most labels, and no floor: the set that is right most often is.
    private Floor CommonestSet(LabelSets sets)
    {
        var counts = sets.Counts();
        int[] order = [.. Enumerable.Range(0, counts.Length).OrderByDescending(label => counts[label])];
        double F1(int size) => 2.0 * order.Take(size).Sum(label => counts[label]) / (counts.Sum() + (double)size * sets.Count);
        var given = order.Take(Enumerable.Range(1, order.Length).MaxBy(F1)).ToHashSet();
        var named = string.Join(" and ", given.Order().Select(label => $"'{data.Classes[label]}'"));
        return new Floor("majority", $"always {(given.Count <= 3 ? named : $"the {given.Count} commonest labels")}",
            Repeated([.. order.Index().Select(one => given.Contains(one.Index) ? 1f : -1f)]));
    }

    private float[] Repeated(float[] answer) => [.. Enumerable.Range(0, data.Test.Count).SelectMany(_ => answer)];

    /// <summary>Features of training and test samples: values scaled as networks scale them, or how often terms are in a text.</summary>
    private (FeatureRows Training, FeatureRows Asked) Features()
    {
        if (data.Training.Vocabulary is null)
            return (FeatureRows.Scaled(data.Training, normalization), FeatureRows.Scaled(data.Test, normalization));
        var terms = new TokenWeights(data.Training, MostTerms);
        var (training, test) = (terms.Of(data.Training), terms.Of(data.Test));
        return (new FeatureRows(training.Dense(), training.Width), new FeatureRows(test.Dense(), training.Width));
    }

    /// <summary>Logistic regression, or least squares of what are numbers, or has more weights than are held.</summary>
    private Floor Regressed(FeatureRows training, FeatureRows asked, CancellationToken cancellationToken)
    {
        var isText = data.Training.Vocabulary is not null;
        if (data.Training.Labels is ValueLabels || !isText && (long)training.Width * data.Columns > MostWeights)
            return Linear(FloorReport.Linear, isText ? "tf-idf of pieces and pairs, linear model" : "linear model", training, asked,
                cancellationToken);
        if (isText)
        {
            var terms = new TokenWeights(data.Training, MostWeights / data.Columns);
            var rows = terms.Of(data.Training);
            return Logistic("tf-idf of pieces and pairs, logistic regression", rows.Count == 0 ? rows : (SparseFeatures)rows.Pick(
                [.. Enumerable.Range(0, MostSamples((double)rows.Values / rows.Count))]),
                model => model(terms.Of(data.Test)), cancellationToken);
        }
        using var held = new DenseFeatures(training.First(MostSamples(training.Width)), training.Width);
        return Logistic("logistic regression", held, model => asked.Ask(rows =>
        {
            using var tested = new DenseFeatures(rows, asked.Width);
            return model(tested);
        }, cancellationToken), cancellationToken);
    }

    /// <summary>Training samples that logistic regression is given, of so many features each.</summary>
    private int MostSamples(double features)
        => (int)Math.Clamp(Math.Min(MostRegressed / features, MostWork / (2 * features * data.Columns)), 1, data.Training.Count);

    private Floor Logistic(
        string description, IFeatures training, Func<Func<IFeatures, float[]>, float[]> ask, CancellationToken cancellationToken)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var penalized = data.Training.Take(Math.Min(training.Count, MostPenalized));
        var folds = Folds.Of(penalized, count: 5, seed).Take(penalized.Count < ManyPenalized ? 5 : 1).ToArray();
        var model = LogisticRegression.Fit(training, Marks(training.Count), data.Training.Labels is ClassLabels, folds, cancellationToken);
        return Described(FloorReport.Linear, description, training.Count, ask(model));
    }

    private Floor Described(string name, string description, int count, float[] outputs)
        => new(name, count < data.Training.Count ? FormattableString.Invariant($"{description}, of {count:N0} samples") : description,
            outputs);

    private Floor Linear(
        string name, string description, FeatureRows training, FeatureRows asked, CancellationToken cancellationToken)
    {
        var fits = (int)Math.Min(int.MaxValue, MostValues / training.Width);
        return Fitted(name, description, training, [asked], training.Width <= MostPairs ? fits : Math.Min(MostPairs, fits), Ridge.Fit,
            cancellationToken).Floor;
    }

    private Floor Nearest(FeatureRows training, FeatureRows asked, CancellationToken cancellationToken)
        => Fitted("nearest", "the nearest training sample", training, [asked],
            (int)Math.Min(MostNeighbours, MostCompared / training.Width), NearestNeighbour.Fit, cancellationToken).Floor;

    private Floor Kernels(CancellationToken cancellationToken)
    {
        // Of sound they take the place of a front end.
        var (training, test) = (data.Training.Given(), data.Test.Given());
        var scale = ReferenceEquals(training, data.Training) ? normalization : Normalization.Measure(training);
        var kernels = new RandomKernels(training.SampleShape[0], training.SampleShape[1], training.Count + test.Count, seed);
        FeatureRows Of(SampleSet samples) => new(samples.Count, kernels.Features,
            (start, into) => kernels.Write(samples, start, into.Span, scale.Mean, scale.Scale, cancellationToken));
        return Linear("kernels", $"{kernels.Features / 2} random kernels, linear model", Of(training), Of(test), cancellationToken);
    }

    /// <summary>Fits a model to as many training samples as it can hold, and asks it.</summary>
    /// <returns>The floor by what is asked first, and what the model says of what is asked behind it.</returns>
    private (Floor Floor, float[] More) Fitted(
        string name, string description, FeatureRows training, FeatureRows[] asked, int most,
        Func<Tensor, Tensor, Func<Tensor, Tensor>> fit, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // In the order of the split, which mixes them.
        var count = Math.Min(Math.Max(1, most), training.Count);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor Rows(Memory<float> values)
            => tensor(values, [values.Length / training.Width, training.Width]).to_type(ScalarType.Float64);
        var model = fit(Rows(training.First(count)), Targets(count));
        float[] Answers(FeatureRows rows) => rows.Ask(values =>
        {
            using var inner = NewDisposeScope();
            return model(Rows(values)).to_type(ScalarType.Float32).contiguous().data<float>().ToArray();
        }, cancellationToken);
        return (Described(name, description, count, Answers(asked[0])), [.. asked.Skip(1).SelectMany(Answers)]);
    }

    private Tensor Targets(int count)
    {
        if (data.Training.Labels is ValueLabels values)
            return tensor(values.Values.AsMemory(0, count * values.Columns), [count, values.Columns]).to_type(ScalarType.Float64);
        if (data.Training.Labels is AnomalyLabels) return zeros(count, 1, ScalarType.Float64);
        return Marks(count).to_type(ScalarType.Float64) * 2 - 1;
    }

    /// <summary>1 for what a sample is, else 0.</summary>
    private Tensor Marks(int count) => data.Training.Labels is LabelSets sets
        ? tensor(sets.Given.AsMemory(0, count * sets.Columns), [count, sets.Columns])
        : nn.functional.one_hot(tensor(data.Training.ClassNumbers.AsMemory(0, count), [count]), data.Columns)
            .to_type(ScalarType.Float32);
}
