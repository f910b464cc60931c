using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Students;

public sealed class NetworkTests
{
    public NetworkTests() => NativeEnvironment.Prepare();

    public static TheoryData<string, int[]> Shapes => new()
    {
        { "conv1d", [1, 1024] }, { "conv1d", [6, 100] }, { "conv1d", [1, 8] }, { "conv1d", [3, 1] }, { "conv1d", [2, 4097] },
        { "random-kernels", [1, 1024] }, { "random-kernels", [6, 100] }, { "random-kernels", [1, 8] }, { "random-kernels", [2, 1] },
        { "conv1d-residual", [1, 1024] }, { "conv1d-residual", [6, 30] }, { "conv1d-residual", [2, 1] },
        { "cnn-residual", [1, 28, 28] }, { "cnn-residual", [3, 17, 40] }, { "cnn-residual", [1, 1, 1] },
        { "tcn", [1, 1024] }, { "tcn", [6, 30] }, { "tcn", [2, 1] }, { "gru", [6, 30] }, { "gru", [2, 1] },
        { "cnn", [1, 28, 28] }, { "cnn", [3, 32, 32] }, { "cnn", [3, 17, 40] }, { "cnn", [1, 2, 2] }, { "cnn", [1, 1, 1] },
        { "cnn-separable", [1, 28, 28] }, { "cnn-separable", [3, 17, 40] }, { "cnn-separable", [1, 2, 2] }, { "cnn-separable", [1, 1, 1] },
        { "linear", [5] }, { "linear", [3, 100] }, { "mlp", [5] }, { "mlp", [3, 100] }, { "mlp", [1, 28, 28] },
        { "encoder", [12] }, { "encoder", [1] }, { "text-cnn", [12] }, { "text-cnn", [1] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Plan_counts_what_the_network_holds_and_every_shape_runs(string family, int[] shape)
    {
        var vocabulary = family is "encoder" or "text-cnn" ? new Vocabulary(["[PAD]", "[UNK]", "a", "b"]) : null;
        foreach (var plan in new[]
        {
            Families.Student(family, 8, shape, new Classifier(5), 0, vocabulary),
            Families.Teacher(family, 8, shape, new Classifier(5), 0, vocabulary),
        })
        {
            using var network = new Network(plan, new Normalization(new float[shape[0]], [.. Enumerable.Repeat(1f, shape[0])]), 1);
            Assert.Equal(network.parameters().Sum(parameter => parameter.numel()), plan.Parameters());
            var length = shape.Aggregate(1, (product, extent) => product * extent);
            var logits = network.Outputs(
                new SampleSet(new float[3 * length], shape, [0, 1, 2]) { Vocabulary = vocabulary }, CancellationToken.None);
            Assert.Equal(3 * 5, logits.Length);
            Assert.All(logits, logit => Assert.True(float.IsFinite(logit)));
        }
    }

    [Fact]
    public void Network_shows_the_features_that_its_plan_names_and_no_others()
    {
        var plan = Families.Student("cnn", 4, [1, 8, 8], new Classifier(3));
        using var network = new Network(plan, new Normalization([0], [1]), 1);
        using var scope = NewDisposeScope();
        var features = plan.Features().ToDictionary(feature => feature.Name);
        Assert.Equal(["layer1", "layer2", "layer3", "layer4", "layer5", "layer6", "layer7"], features.Keys);
        var tap = new FeatureTap(scope, ["layer2", "layer7"]);
        var logits = network.forward(ones(5, 1, 8, 8), tap);

        Assert.Equal([5, .. features["layer2"].Shape.Select(extent => (long)extent)], tap["layer2"].shape);
        Assert.Equal([5, features["layer7"].Channels], tap["layer7"].shape);
        Assert.True(tap["layer7"].min().ToDouble() >= 0, "behind the activation");
        Assert.Throws<KeyNotFoundException>(() => tap["layer1"]);
        // A loss on a feature reaches the layers in front of it and none behind.
        tap["layer2"].square().sum().backward();
        Assert.Equal([true, true, true], network.parameters().Take(3).Select(parameter => parameter.grad is not null));
        Assert.All(network.parameters().Skip(3), parameter => Assert.Null(parameter.grad));
        Assert.Equal([5, 3], logits.shape);
    }

    [Fact]
    public void Features_live_as_long_as_the_scope_their_tap_was_made_in()
    {
        using var network = new Network(Families.Student("conv1d", 4, [1, 16], new Classifier(2)), new Normalization([0], [1]), 1);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (var scope = NewDisposeScope())
        {
            var tap = new FeatureTap(scope, ["layer1"]);
            using (NewDisposeScope()) network.forward(ones(2, 1, 16), tap);
            Assert.False(tap["layer1"].IsInvalid);
        }
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Students_of_the_examples_stay_below_a_hundred_thousand_parameters()
    {
        Assert.InRange(Families.Student("conv1d", 16, [1, 1024], new Classifier(6)).Parameters(), 40_000, 100_000);
        Assert.InRange(Families.Student("cnn", 16, [1, 28, 28], new Classifier(10)).Parameters(), 40_000, 100_000);
        Assert.InRange(Families.Student("cnn-separable", 24, [1, 28, 28], new Classifier(10)).Parameters(), 40_000, 100_000);
    }

    [Fact]
    public void Families_of_teacher_and_student_must_take_the_same_samples()
    {
        Assert.Equal(2, Families.SampleRank("mlp", "conv1d"));
        Assert.Null(Families.SampleRank("mlp"));
        Assert.Contains("'conv1d'", Assert.Throws<BuildException>(() => Families.SampleRank("cnn", "conv1d")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Encoder_does_not_look_at_padding()
    {
        var vocabulary = new Vocabulary(["[PAD]", "[UNK]", "a", "b"]);
        float[] Logits(params float[] tokens)
        {
            using var network = new Network(
                Families.Student("encoder", 16, [tokens.Length], new Classifier(3), 2, vocabulary), Normalization.None, 1);
            // The same weights whatever the length: positions come last in the table, and the first of them are compared.
            foreach (var (name, parameter) in network.named_parameters())
            {
                using var noGradient = TorchSharp.torch.no_grad();
                if (parameter.size(0) == tokens.Length && parameter.dim() == 2) parameter.fill_(0.1f);
                else parameter.copy_(TorchSharp.torch.arange(parameter.numel(), TorchSharp.torch.ScalarType.Float32).sin()
                    .reshape(parameter.shape) * 0.3);
            }
            return network.Outputs(new SampleSet(tokens, [tokens.Length], [0]) { Vocabulary = vocabulary }, CancellationToken.None);
        }
        var alone = Logits(2, 3, 1, 2, 3, 2);
        var padded = Logits(2, 3, 1, 2, 3, 2, 0, 0, 0);
        Assert.All(alone.Zip(padded), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.NotEqual(alone, Logits(2, 3, 1, 2, 3, 3));
    }

    [Fact]
    public void Vector_of_padding_stays_zero_while_words_are_learned()
    {
        var vocabulary = new Vocabulary(["[PAD]", "[UNK]", "a", "b"]);
        var texts = new SampleSet([2, 3, 0, 3, 2, 0, 2, 2, 0, 3, 3, 0], [3], [0, 1, 0, 1]) { Vocabulary = vocabulary };
        var plan = Families.Student("text-cnn", 8, [3], new Classifier(2), 0, vocabulary);
        using var network = new Network(plan, Normalization.None, 1);
        float[] Row(int row) => network.named_parameters().First().parameter[row].data<float>().ToArray();
        var word = Row(2);
        TrainingLoop.Run(network, texts, texts,
            new TrainingPhase("labels", new TrainingSpec { Epochs = 5, BatchSize = 4, Device = "cpu" }, 1),
            new Progress(new IgnoredProgress(), "", 0, 1), TestContext.Current.CancellationToken);
        Assert.All(Row(0), value => Assert.Equal(0, value));
        Assert.NotEqual(word, Row(2));
    }

    [Fact]
    public void Features_have_the_shapes_that_the_plan_says()
    {
        var vocabulary = new Vocabulary(["[PAD]", "[UNK]", "a", "b"]);
        var plan = Families.Student("encoder", 32, [6], new Classifier(3), 1, vocabulary);
        using var network = new Network(plan, Normalization.None, 1);
        using var scope = TorchSharp.torch.NewDisposeScope();
        var tap = new FeatureTap(scope, [.. plan.Features().Select(feature => feature.Name)]);
        network.forward(TorchSharp.torch.ones(2, 6), tap);
        Assert.All(plan.Features(), feature => Assert.Equal([2, .. feature.Shape.Select(extent => (long)extent)], tap[feature.Name].shape));
        Assert.Equal([2, 6, 16], plan.Features().Single(feature => feature.Name.EndsWith(".query", StringComparison.Ordinal)).Shape);
    }

    [Fact]
    public void Mean_near_zero_costs_no_operator_and_one_far_away_is_taken_off()
    {
        var near = Normalization.Measure(new SampleSet([0, 2, 1, 3], [1, 2], [0, 1]));
        Assert.Equal([0f], near.Mean);
        Assert.Equal(1 / Math.Sqrt(1.25), near.Scale[0], 5);
        var far = Normalization.Measure(new SampleSet([300, 302, 301, 303], [1, 2], [0, 1]));
        Assert.Equal([301.5f], far.Mean);
    }

    [Fact]
    public void Channel_that_never_changes_is_left_as_it_is()
        => Assert.Equal([1f], Normalization.Measure(new SampleSet([7, 7, 7, 7], [1, 2], [0, 1])).Scale);
}
