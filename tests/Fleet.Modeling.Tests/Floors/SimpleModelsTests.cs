using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Floors;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Quantization;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Floors;

/// <summary>Models that cost next to nothing, on data of which it is known what they reach.</summary>
public sealed class SimpleModelsTests
{
    public SimpleModelsTests() => NativeEnvironment.Prepare();

    [Theory]
    [InlineData(40, 6)] // fewer features than samples
    [InlineData(12, 50)] // more
    public void Ridge_is_least_squares_with_the_penalty_that_leaving_out_finds(int samples, int features)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var x = randn(samples, features, ScalarType.Float64);
        var y = x.mm(randn(features, 2, ScalarType.Float64)) + 0.5 * randn(samples, 2, ScalarType.Float64) + 7;
        var predicted = Ridge.Fit(x, y)(x);

        // Every penalty by its definition: a fit without each sample in turn.
        var mean = x.mean([0L], keepdim: true);
        var scaled = (x - mean) / (x - mean).pow(2).mean([0L], keepdim: true).sqrt();
        var scale = linalg.svdvals(scaled).pow(2)[TensorIndex.Slice(0, Math.Min(samples - 1, features))].mean().item<double>();
        Tensor Fitted(Tensor inputs, Tensor targets, Tensor asked, double penalty)
        {
            var (center, middle) = (inputs.mean([0L], keepdim: true), targets.mean([0L], keepdim: true));
            var centered = inputs - center;
            var weights = linalg.solve(
                centered.t().mm(centered) + penalty * eye(features, dtype: ScalarType.Float64), centered.t().mm(targets - middle));
            return (asked - center).mm(weights) + middle;
        }
        var best = Enumerable.Range(0, 15).Select(i => scale * 1e-6 * Math.Pow(1e8, i / 14.0)).MinBy(penalty => Enumerable.Range(0, samples)
            .Sum(sample =>
            {
                var others = tensor(Enumerable.Range(0, samples).Where(other => other != sample).Select(other => (long)other).ToArray());
                var own = TensorIndex.Slice(sample, sample + 1);
                var told = Fitted(scaled.index_select(0, others), y.index_select(0, others), scaled[own], penalty);
                return (told - y[own]).pow(2).sum().item<double>();
            }));
        var expected = Fitted(scaled, y, scaled, best);
        Assert.True((predicted - expected).abs().max().item<double>() < 1e-6);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Logistic_regression_is_where_its_loss_has_no_slope(bool areExclusive)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        const int samples = 300, features = 8, columns = 3;
        var x = randn(samples, features);
        var logits = x.mm(2 * randn(features, columns)) + randn(samples, columns);
        var targets = (areExclusive ? nn.functional.one_hot(logits.argmax(1), columns) : logits > 0).to_type(ScalarType.Float32);
        float[] values = x.data<float>().ToArray();
        using var rows = new DenseFeatures(values, features);
        (int[], int[])[] folds = [
            .. Enumerable.Range(0, 3).Select(fold => (
                Enumerable.Range(0, samples).Where(row => row % 3 != fold).ToArray(),
                Enumerable.Range(0, samples).Where(row => row % 3 == fold).ToArray())),
        ];
        float[] Fitted(IFeatures training, IFeatures asked) => LogisticRegression.Fit(
            training, targets, areExclusive, folds, TestContext.Current.CancellationToken)(asked);
        var told = tensor(Fitted(rows, rows), [samples, columns]);

        // Of what is convex and smooth that is the least value: the gradient by a constant is without the penalty.
        var probabilities = areExclusive ? nn.functional.softmax(told, 1) : told.sigmoid();
        Assert.True((probabilities - targets).mean([0L]).abs().max().item<float>() < 2e-3);
        // By a weight it is the penalty times that weight, one factor for all of them.
        var slopes = -x.t().mm(probabilities - targets) / samples;
        var weights = linalg.lstsq(cat([x, ones(samples, 1)], 1), told).Solution[TensorIndex.Slice(0, features)];
        var factor = (slopes * weights).sum() / weights.pow(2).sum();
        Assert.True(factor.item<float>() > 0);
        Assert.True((slopes - factor * weights).abs().max().item<float>() < 5e-3);

        // The same rows, those that are zero left out.
        (int, float)[][] few = [
            .. values.Chunk(features).Select(row => row.Index().Where(one => one.Item != 0).Select(one => (one.Index, one.Item)).ToArray()),
        ];
        var sparse = new SparseFeatures(features, few);
        Assert.True((tensor(Fitted(sparse, sparse), [samples, columns]) - told).abs().max().item<float>() < 0.05);
    }

    [Fact]
    public void Penalty_is_strong_where_features_say_nothing_and_weak_where_they_say_all()
    {
        var random = new Random(2);
        double Largest(Func<int, float> first)
        {
            float[] values = [.. Enumerable.Range(0, 200).SelectMany(row => new[] { first(row), 2 * random.NextSingle() - 1 })];
            using var rows = new DenseFeatures(values, 2);
            using var scope = NewDisposeScope();
            var targets = nn.functional.one_hot(tensor(Enumerable.Range(0, 200).Select(row => row % 2L).ToArray()), 2)
                .to_type(ScalarType.Float32);
            int[] Rows(int part) => [.. Enumerable.Range(0, 200).Where(row => row / 40 == part)];
            (int[], int[])[] folds = [
                .. Enumerable.Range(0, 5).Select(part => (Enumerable.Range(0, 200).Except(Rows(part)).ToArray(), Rows(part))),
            ];
            return LogisticRegression.Fit(rows, targets, areExclusive: true, folds, TestContext.Current.CancellationToken)(rows)
                .Max(Math.Abs);
        }
        Assert.InRange(Largest(_ => 2 * random.NextSingle() - 1), 0, 1);
        Assert.InRange(Largest(row => row % 2 == 0 ? -1 : 1), 4, double.PositiveInfinity);
    }

    [Fact]
    public void Kernels_hear_a_shape_wherever_it_is_and_a_linear_model_does_not()
    {
        var data = Bursts(160);
        var floors = Answers(data);
        Assert.Equal(["majority", "linear", "nearest", "kernels"], floors.Select(floor => floor.Name));
        double Of(string name) => data.Test.Labels.Score(floors.Single(floor => floor.Name == name).Outputs)[0].Value;
        Assert.InRange(Of("majority"), 0.3, 0.6);
        Assert.InRange(Of("linear"), 0.2, 0.75);
        Assert.True(Of("kernels") > 0.9, $"{Of("kernels")}");
        // The same again: nothing of it is by chance.
        Assert.Equal(floors.Select(floor => floor.Outputs), Answers(data).Select(floor => floor.Outputs));
    }

    [Fact]
    public void Numbers_are_predicted_by_their_mean_and_by_what_they_follow()
    {
        var random = new Random(5);
        SampleSet Set(int count)
        {
            float[] inputs = [.. Enumerable.Range(0, count * 4).Select(_ => random.NextSingle())];
            float[] labels = [.. Enumerable.Range(0, count).Select(i => 100 + 30 * inputs[4 * i] - 10 * inputs[4 * i + 2])];
            return new SampleSet(inputs, [4], new ValueLabels(labels, 1));
        }
        var data = new DataSet(Set(100), Set(10), Set(50), []) { Task = ModelTask.Regression };
        var floors = Answers(data);
        Assert.Equal(["mean", "linear", "nearest"], floors.Select(floor => floor.Name));
        Assert.True(data.Test.Labels.Score(floors[1].Outputs)[0].Value < 0.01);
        Assert.True(data.Test.Labels.Score(floors[0].Outputs)[0].Value > 5);
    }

    [Fact]
    public void Nearest_training_sample_answers_for_itself()
    {
        var data = Bursts(60);
        var same = data with { Test = data.Training };
        Assert.Equal(1, same.Test.Labels.Score(Answers(same).Single(floor => floor.Name == "nearest").Outputs)[0].Value);
    }

    [Fact]
    public void Table_says_by_how_much_a_student_is_better_and_where_that_lies()
    {
        var data = Bursts(160);
        var floors = Answers(data);
        var table = new FloorTable(data);
        var student = table.Of(floors.Single(floor => floor.Name == "kernels").Outputs, TestContext.Current.CancellationToken);
        var reports = floors.Select(floor => table.Of(floor, student, TestContext.Current.CancellationToken)).ToArray();
        Assert.Equal(FloorVerdict.Better, reports[0].Verdict());
        Assert.Equal(FloorVerdict.NoBetter, reports[3].Verdict());
        Assert.Equal(0, reports[3].Gain);
        Assert.Equal(student.Figures[0].Value - reports[0].Scores.Metrics[0].Value, reports[0].Gain!.Value, 9);
        Assert.True(reports[0].GainInterval!.Holds(reports[0].Gain!.Value));
        Assert.Contains("no better than 500 random kernels", Assert.Single(FloorRules.Findings([reports[3]])), StringComparison.Ordinal);
        Assert.Empty(FloorRules.Findings([reports[0]]));
        // A linear model need not be better than one.
        var alike = reports[3] with { Name = FloorReport.Linear };
        Assert.Single(FloorRules.Findings([alike]));
        Assert.Empty(FloorRules.Findings([alike], isLinear: true));
    }

    [Fact]
    public void Network_that_answers_everything_alike_is_refused_with_the_reason()
    {
        var data = Bursts(160);
        var constant = Answers(data)[0];
        var table = new FloorTable(data);
        var why = table.Uselessness(constant, "The teacher", constant.Outputs, TestContext.Current.CancellationToken);
        Assert.Contains("The teacher has learned nothing", why, StringComparison.Ordinal);
        Assert.Contains("the commonest class", why, StringComparison.Ordinal);
        Assert.Null(table.Uselessness(constant, "The teacher", Answers(data)[3].Outputs, TestContext.Current.CancellationToken));
    }

    private static Floor[] Answers(DataSet data)
        => [
            .. new SimpleModels(data, Normalization.Measure(data.Training), seed: 1)
                .Answers(new Progress(new IgnoredProgress(), "", 0, 1), TestContext.Current.CancellationToken),
        ];

    /// <summary>Two classes that differ in the shape of a burst, which may be anywhere and of either sign.</summary>
    private static DataSet Bursts(int count)
    {
        var random = new Random(11);
        SampleSet Set(int samples)
        {
            var (inputs, labels) = (new float[samples * 64], new long[samples]);
            for (var sample = 0; sample < samples; sample++)
            {
                labels[sample] = sample % 2;
                var (at, sign) = (random.Next(0, 48), random.Next(2) * 2 - 1);
                for (var i = 0; i < 64; i++) inputs[sample * 64 + i] = 0.1f * random.NextSingle();
                for (var i = 0; i < 16; i++)
                    inputs[sample * 64 + at + i] += sign * (labels[sample] == 0 ? MathF.Sin(i * 0.4f) : MathF.Sin(i * 1.6f));
            }
            return new SampleSet(inputs, [1, 64], labels);
        }
        return new DataSet(Set(count), Set(20), Set(80), ["slow", "fast"]);
    }
}
