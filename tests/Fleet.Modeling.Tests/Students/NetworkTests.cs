using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Tests.Students;

public sealed class NetworkTests
{
    public NetworkTests() => NativeEnvironment.Prepare();

    public static TheoryData<string, int[]> Shapes => new()
    {
        { "conv1d", [1, 1024] }, { "conv1d", [6, 100] }, { "conv1d", [1, 8] }, { "conv1d", [3, 1] }, { "conv1d", [2, 4097] },
        { "cnn", [1, 28, 28] }, { "cnn", [3, 32, 32] }, { "cnn", [3, 17, 40] }, { "cnn", [1, 2, 2] }, { "cnn", [1, 1, 1] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Plan_counts_what_the_network_holds_and_every_shape_runs(string family, int[] shape)
    {
        foreach (var plan in new[] { Families.Student(family, 8, shape, 5), Families.Teacher(family, 8, shape, 5) })
        {
            using var network = new Network(plan, new Normalization(new float[shape[0]], [.. Enumerable.Repeat(1f, shape[0])]), 1);
            Assert.Equal(network.parameters().Sum(parameter => parameter.numel()), plan.Parameters());
            var length = shape.Aggregate(1, (product, extent) => product * extent);
            Assert.Equal(3 * 5, network.Logits(new SampleSet(new float[3 * length], shape, [0, 1, 2])).Length);
        }
    }

    [Fact]
    public void Students_of_the_examples_stay_below_a_hundred_thousand_parameters()
    {
        Assert.InRange(Families.Student("conv1d", 16, [1, 1024], 6).Parameters(), 40_000, 100_000);
        Assert.InRange(Families.Student("cnn", 16, [1, 28, 28], 10).Parameters(), 40_000, 100_000);
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
